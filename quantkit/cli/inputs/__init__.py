"""What commands read: samples, as the options about data say, and files that quantkit wrote."""
