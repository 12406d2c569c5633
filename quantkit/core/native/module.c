/* quantkit.core._kernels: the doors between Python and the loops. Every function checks its arguments, then lets other
   threads run while it works. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <string.h>

#include "divergence.h"
#include "tally.h"

static const struct variant *variants;
static int variant_count;

/* A tally behind a buffer, or NULL with an exception set; release the view either way. */
static struct tally *tally_in(const Py_buffer *view)
{
    if (view->len == sizeof(struct tally) && (uintptr_t)view->buf % _Alignof(struct tally) == 0)
        return view->buf;
    PyErr_Format(PyExc_ValueError, "a tally is %zu aligned bytes, not %zd", sizeof(struct tally), view->len);
    return NULL;
}

static int is_array_of(const Py_buffer *view, const char *format, const char *name)
{
    if (view->format && strcmp(view->format, format) == 0)
        return 1;
    PyErr_Format(PyExc_ValueError, "%s must be an array of type '%s', not '%s'", name, format, view->format);
    return 0;
}

PyDoc_STRVAR(new_tally_doc, "new_tally()\n--\n\nA tally that has seen nothing.");

static PyObject *new_tally(PyObject *module, PyObject *none)
{
    (void)module;
    (void)none;
    PyObject *bytes = PyByteArray_FromStringAndSize(NULL, sizeof(struct tally));
    if (bytes)
        tally_reset((struct tally *)PyByteArray_AS_STRING(bytes));
    return bytes;
}

PyDoc_STRVAR(fold_doc,
             "fold(tally, values, variant=0, /)\n--\n\n"
             "Counts float32 values into a tally; returns how many NaN and infinities it has seen.");

static PyObject *fold(PyObject *module, PyObject *args)
{
    PyObject *bytes, *array, *nonfinite = NULL;
    Py_buffer state, values;
    int variant = 0;
    (void)module;
    if (!PyArg_ParseTuple(args, "OO|i:fold", &bytes, &array, &variant))
        return NULL;
    if (variant < 0 || variant >= variant_count)
        return PyErr_Format(PyExc_ValueError, "there are %d variants here, and no number %d", variant_count, variant);
    if (PyObject_GetBuffer(bytes, &state, PyBUF_WRITABLE) < 0)
        return NULL;
    if (PyObject_GetBuffer(array, &values, PyBUF_C_CONTIGUOUS | PyBUF_FORMAT) < 0)
        goto release_state;
    struct tally *tally = tally_in(&state);
    if (!tally || !is_array_of(&values, "f", "values"))
        goto release_values;
    if (tally->busy) {
        PyErr_SetString(PyExc_RuntimeError, "another thread is counting into this tally");
        goto release_values;
    }
    tally->busy = 1;
    Py_BEGIN_ALLOW_THREADS
    tally_fold(tally, variants + variant, values.buf, (size_t)values.len / sizeof(float));
    Py_END_ALLOW_THREADS
    tally->busy = 0;
    nonfinite = PyLong_FromLongLong(tally->nans + tally->positive_infinities + tally->negative_infinities);
release_values:
    PyBuffer_Release(&values);
release_state:
    PyBuffer_Release(&state);
    return nonfinite;
}

PyDoc_STRVAR(seen_doc,
             "seen(tally, /)\n--\n\n"
             "What a tally has counted: exponent, int64 counts above and below zero as bytes, exact zeros, NaN, +inf and\n"
             "−inf, smallest and largest finite value (+inf and −inf when there was none).");

static PyObject *seen(PyObject *module, PyObject *bytes)
{
    Py_buffer state;
    PyObject *result = NULL;
    (void)module;
    if (PyObject_GetBuffer(bytes, &state, PyBUF_WRITABLE) < 0)
        return NULL;
    struct tally *tally = tally_in(&state);
    if (tally && tally->busy)
        PyErr_SetString(PyExc_RuntimeError, "another thread is counting into this tally");
    else if (tally) {
        int64_t below[BINS];
        tally_settle(tally);
        for (int bin = 0; bin < BINS; bin++)
            below[bin] = tally->bins[BINS + ~bin];
        int none = tally->seen.low > tally->seen.high;
        double low = none ? Py_HUGE_VAL : tally_value(tally->seen.low);
        double high = none ? -Py_HUGE_VAL : tally_value(tally->seen.high);
        Py_ssize_t size = sizeof below;
        result = Py_BuildValue("iy#y#LLLLdd", tally->exponent, (const char *)(tally->bins + BINS), size,
                               (const char *)below, size, (long long)tally->zeros, (long long)tally->nans,
                               (long long)tally->positive_infinities, (long long)tally->negative_infinities, low, high);
    }
    PyBuffer_Release(&state);
    return result;
}

PyDoc_STRVAR(least_divergence_doc,
             "least_divergence(counts, levels, /)\n--\n\n"
             "How many of the first bins to keep, and the divergence in nats that this leaves; every bin and infinity\n"
             "when no number of at least `levels` will do.");

static PyObject *least_divergence_(PyObject *module, PyObject *args)
{
    PyObject *array;
    Py_buffer counts;
    int levels, kept;
    double divergence;
    (void)module;
    if (!PyArg_ParseTuple(args, "Oi:least_divergence", &array, &levels))
        return NULL;
    if (PyObject_GetBuffer(array, &counts, PyBUF_C_CONTIGUOUS | PyBUF_FORMAT) < 0)
        return NULL;
    Py_ssize_t n = counts.len / (Py_ssize_t)sizeof(double);
    PyObject *result = NULL;
    if (!is_array_of(&counts, "d", "counts"))
        ;
    else if (levels < 1 || n > INT_MAX / 2)
        PyErr_Format(PyExc_ValueError, "cannot lay %zd bins over %d levels", n, levels);
    else {
        Py_BEGIN_ALLOW_THREADS
        kept = least_divergence(counts.buf, (int)n, levels, &divergence);
        Py_END_ALLOW_THREADS
        result = kept < 0 ? PyErr_NoMemory() : Py_BuildValue("id", kept, divergence);
    }
    PyBuffer_Release(&counts);
    return result;
}

static PyMethodDef methods[] = {
    {"new_tally", new_tally, METH_NOARGS, new_tally_doc},
    {"fold", fold, METH_VARARGS, fold_doc},
    {"seen", seen, METH_O, seen_doc},
    {"least_divergence", least_divergence_, METH_VARARGS, least_divergence_doc},
    {NULL, NULL, 0, NULL},
};

static int execute(PyObject *module)
{
    variant_count = variants_here(&variants);
    PyObject *names = PyTuple_New(variant_count);
    for (int k = 0; names && k < variant_count; k++) {
        PyObject *name = PyUnicode_FromString(variants[k].name);
        if (!name)
            Py_CLEAR(names);
        else
            PyTuple_SET_ITEM(names, k, name);
    }
    int failed = PyModule_AddObjectRef(module, "VARIANTS", names);
    Py_XDECREF(names);
    return failed || PyModule_AddIntMacro(module, BINS) || PyModule_AddIntMacro(module, LOWEST_EXPONENT);
}

static PyModuleDef_Slot slots[] = {{Py_mod_exec, execute}, {0, NULL}};

static struct PyModuleDef definition = {
    .m_base = PyModuleDef_HEAD_INIT,
    .m_name = "quantkit.core._kernels",
    .m_doc = "Loops over elements, compiled.",
    .m_methods = methods,
    .m_slots = slots,
};

PyMODINIT_FUNC PyInit__kernels(void) { return PyModuleDef_Init(&definition); }
