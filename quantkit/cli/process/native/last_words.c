/* quantkit.cli.process._last_words: what is said when foreign code crashes the process.

   No Python runs after a crash, so the words are kept ready: a text, the stream it goes to, and the exit code. The
   handler calls nothing but write and _exit, which POSIX allows in one. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <signal.h>
#include <string.h>
#include <unistd.h>

enum {
    LONGEST = 1 << 14,
    OWN_STACK = 1 << 16, /* an overflown stack has no room for a handler */
};

static const int CRASHES[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
enum { KINDS = sizeof CRASHES / sizeof *CRASHES };

static struct sigaction before[KINDS];
static char own_stack[OWN_STACK];
static char text[LONGEST];
static volatile sig_atomic_t length, stream = STDERR_FILENO, exit_code;

static void speak(int number)
{
    (void)number;
    if (length > 0 && write(stream, text, (size_t)length) < 0)
        _exit(exit_code);
    _exit(exit_code);
}

PyDoc_STRVAR(arm_doc, "arm(exit_code, /)\n--\n\nFrom now on a crash ends the process with this exit code.");

static PyObject *arm(PyObject *module, PyObject *args)
{
    int code;
    (void)module;
    if (!PyArg_ParseTuple(args, "i:arm", &code))
        return NULL;
    exit_code = code;
    stack_t stack = {.ss_sp = own_stack, .ss_size = sizeof own_stack};
    sigaltstack(&stack, NULL);
    struct sigaction action = {.sa_handler = speak, .sa_flags = SA_ONSTACK};
    sigemptyset(&action.sa_mask);
    for (int i = 0; i < KINDS; i++)
        sigaction(CRASHES[i], &action, &before[i]);
    Py_RETURN_NONE;
}

PyDoc_STRVAR(prepare_doc, "prepare(stream, text, /)\n--\n\nWhat a crash is to write, and to which file descriptor.");

static PyObject *prepare(PyObject *module, PyObject *args)
{
    int to;
    const char *words;
    Py_ssize_t count;
    (void)module;
    if (!PyArg_ParseTuple(args, "iy#:prepare", &to, &words, &count))
        return NULL;
    /* Nothing is said while the text changes. */
    length = 0;
    stream = to;
    memcpy(text, words, (size_t)(count < LONGEST ? count : LONGEST));
    length = (sig_atomic_t)(count < LONGEST ? count : LONGEST);
    Py_RETURN_NONE;
}

PyDoc_STRVAR(disarm_doc, "disarm()\n--\n\nCrashes do again what they did before `arm`.");

static PyObject *disarm(PyObject *module, PyObject *none)
{
    (void)module;
    (void)none;
    for (int i = 0; i < KINDS; i++)
        sigaction(CRASHES[i], &before[i], NULL);
    Py_RETURN_NONE;
}

static PyMethodDef functions[] = {
    {"arm", arm, METH_VARARGS, arm_doc},
    {"prepare", prepare, METH_VARARGS, prepare_doc},
    {"disarm", disarm, METH_NOARGS, disarm_doc},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "_last_words", "What is said when foreign code crashes the process.", -1, functions, NULL, NULL,
    NULL, NULL,
};

PyMODINIT_FUNC PyInit__last_words(void) { return PyModule_Create(&definition); }
