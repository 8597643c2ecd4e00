/* `StreamState` in C: the members of a `SpoolWriter` that an append needs, and the whole append of a
 * batch's progress in one call.
 *
 * Why: between two batches of a training the caches are cold, and a report costs what it touches.
 * In Python that is a dozen functions of five modules; here it is one function and one object.
 *
 * `append_batch` takes the common case only: plain numbers, room in the segment, nobody else at it.
 * In every other case it returns False before it has changed anything, and the caller goes the way in
 * Python, which is the reference: what this writes is byte for byte what that would write
 * (tests/dubhe_sdk/spool/test_stream_state.py compares them).
 *
 * Safety
 *     * The interpreter lock is held from the first question to the last change, `write` included.
 *       Nothing in between runs Python code. So no thread, signal handler, destructor or fork comes
 *       between; `_busy` says that the way in Python is in the middle of an append.
 *     * A kill leaves what it leaves there: a whole frame, or a torn one at the very end.
 *
 * Only the limited API: one build serves every CPython from 3.10 on.
 */
#define Py_LIMITED_API 0x030A0000
#define PY_SSIZE_T_CLEAN
#define _FILE_OFFSET_BITS 64
#include <Python.h>
#include <structmember.h>

#include <math.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "frames are little-endian; other machines take the way in Python"
#endif

/* dubhe_sdk/spool/frame.py and writer.py */
#define HEAD 40
#define OVERHEAD 44
#define VERSION 1
#define PROGRESS 4
#define SILENCE_NS 50000000LL

#define MESSAGE_BYTES 4096 /* of a whole frame; a longer one goes the way in Python */
#define PREFIX_BYTES 512
#define NUMBER_BYTES 32 /* no number takes more: -1.2345678901234567e-308 */
#define TAIL_BYTES 128  /* what follows the metrics */

typedef struct {
    PyObject_HEAD
    int fd;
    char busy;
    long long seq, offset, first, progress_limit, important_limit, last_ns, next_check_ns;
    long long request_number; /* the next one */
    int prefix_length;        /* 0: none, nothing is appended here */
    char prefix[PREFIX_BYTES];
} StreamState;

static uint32_t crc_table[256];

static void make_crc_table(void)
{
    for (uint32_t index = 0; index < 256; index++) {
        uint32_t crc = index;
        for (int bit = 0; bit < 8; bit++)
            crc = crc & 1 ? 0xEDB88320u ^ (crc >> 1) : crc >> 1;
        crc_table[index] = crc;
    }
}

/* zlib's is faster for long texts, and takes eight tables into the cache. */
static uint32_t crc32_of(uint32_t crc, const char *at, const char *end)
{
    while (at < end)
        crc = crc_table[(crc ^ (unsigned char)*at++) & 255] ^ (crc >> 8);
    return crc;
}

static long long clock_ns(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static char *put_text(char *at, const char *text)
{
    size_t length = strlen(text);
    memcpy(at, text, length);
    return at + length;
}

static char *put_whole(char *at, long long value)
{
    char digits[24];
    int count = 0;
    unsigned long long rest = value < 0 ? -(unsigned long long)value : (unsigned long long)value;
    do {
        digits[count++] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest);
    if (value < 0)
        *at++ = '-';
    while (count)
        *at++ = digits[--count];
    return at;
}

/* As repr() writes it. NULL: no memory. */
static char *put_float(char *at, double value)
{
    char *text = PyOS_double_to_string(value, 'r', 0, Py_DTSF_ADD_DOT_0, NULL);
    if (text == NULL) {
        PyErr_Clear();
        return NULL;
    }
    at = put_text(at, text);
    PyMem_Free(text);
    return at;
}

/* Whether it is exactly an int, and fits. */
static int is_whole(PyObject *object, long long *value)
{
    int overflow;
    if (!PyLong_CheckExact(object))
        return 0;
    *value = PyLong_AsLongLongAndOverflow(object, &overflow);
    return !overflow;
}

/* `"name":number,` for each metric. NULL: something is not plain, or too long. */
static char *put_metrics(char *at, const char *end, PyObject *metrics)
{
    Py_ssize_t position = 0, length;
    PyObject *key, *value;
    while (PyDict_Next(metrics, &position, &key, &value)) {
        if (!PyUnicode_CheckExact(key))
            return NULL;
        const char *name = PyUnicode_AsUTF8AndSize(key, &length);
        if (name == NULL) { /* a lone surrogate */
            PyErr_Clear();
            return NULL;
        }
        if (length + NUMBER_BYTES + 4 > end - at)
            return NULL;
        if ((length == 8 && !memcmp(name, "progress", 8)) ||
            (length == 5 && !memcmp(name, "epoch", 5)))
            return NULL;
        *at++ = '"';
        for (Py_ssize_t index = 0; index < length; index++) {
            unsigned char byte = (unsigned char)name[index];
            if (byte < ' ' || byte == '"' || byte == '\\')
                return NULL;
            *at++ = (char)byte;
        }
        *at++ = '"';
        *at++ = ':';
        long long whole;
        if (PyFloat_CheckExact(value)) {
            double number = PyFloat_AsDouble(value);
            if (!isfinite(number) || (at = put_float(at, number)) == NULL)
                return NULL;
        } else if (is_whole(value, &whole)) {
            at = put_whole(at, whole);
        } else {
            return NULL;
        }
        *at++ = ',';
    }
    return at;
}

/* Cut off what a short write left; as `SpoolWriter._undo`. */
static void undo(StreamState *self)
{
    if (ftruncate(self->fd, self->offset) || lseek(self->fd, self->offset, SEEK_SET) < 0)
        self->first = -1;
    self->progress_limit = self->important_limit = 0;
}

static PyObject *append_batch(StreamState *self, PyObject *const *arguments, Py_ssize_t count)
{
    char frame[MESSAGE_BYTES], *at = frame + OVERHEAD;
    const char *end = frame + MESSAGE_BYTES - TAIL_BYTES;
    long long epoch, batch, batches;
    if (count != 5) {
        PyErr_Format(PyExc_TypeError, "append_batch takes 5 arguments, %zd were given", count);
        return NULL;
    }
    PyObject *progress_object = arguments[3], *metrics = arguments[4];
    if (self->busy || !self->prefix_length || !PyDict_CheckExact(metrics) ||
        !PyFloat_CheckExact(progress_object) || !is_whole(arguments[0], &epoch) ||
        !is_whole(arguments[1], &batch) || !is_whole(arguments[2], &batches) ||
        (batch | batches) >> 32)
        Py_RETURN_FALSE;
    double progress = PyFloat_AsDouble(progress_object);
    if (!(progress >= 0.0 && progress <= 1.0))
        Py_RETURN_FALSE;

    /* The order of these is that of the way in Python: date, number, then the stream's time. */
    long long date_ms = clock_ns(CLOCK_REALTIME) / 1000000;
    memcpy(at, self->prefix, (size_t)self->prefix_length);
    at = put_whole(at + self->prefix_length, self->request_number);
    at = put_whole(put_text(at, ",\"date\":"), date_ms);
    at = put_metrics(put_text(at, ",\"mes_type\":2,\"data\":{"), end, metrics);
    if (at == NULL)
        Py_RETURN_FALSE;
    at = put_float(put_text(at, "\"progress\":"), progress);
    if (at == NULL)
        Py_RETURN_FALSE;
    at = put_text(put_whole(put_text(at, ",\"epoch\":"), epoch), "}}");

    long long now = clock_ns(CLOCK_MONOTONIC), size = at - frame;
    int due = now >= self->next_check_ns;
    struct stat file;
    if (self->offset + size > self->progress_limit ||
        (due && (fstat(self->fd, &file) || file.st_nlink == 0)))
        Py_RETURN_FALSE;

    uint32_t length = (uint32_t)(size - OVERHEAD);
    uint32_t numbers[2] = {(uint32_t)batch, (uint32_t)batches};
    uint64_t seq = (uint64_t)self->seq + 1;
    memcpy(frame, "\xD8\xBE", 2);
    frame[2] = VERSION;
    frame[3] = PROGRESS;
    memcpy(frame + 4, &length, 4);
    memcpy(frame + 8, &seq, 8);
    memcpy(frame + 16, &now, 8);
    memcpy(frame + 24, &date_ms, 8);
    memcpy(frame + 32, numbers, 8);
    uint32_t crc = ~crc32_of(crc32_of(~0u, frame, frame + HEAD), frame + OVERHEAD, at);
    memcpy(frame + HEAD, &crc, 4);

    ssize_t written = write(self->fd, frame, (size_t)size);
    if (written != size) {
        if (written > 0)
            undo(self);
        Py_RETURN_FALSE;
    }
    int after_silence = now - self->last_ns > SILENCE_NS;
    self->seq++;
    self->request_number++;
    self->offset += size;
    self->last_ns = now;
    if (due) {
        self->next_check_ns = now + SILENCE_NS;
        if (after_silence) { /* all is changed: this may run Python code */
            PyObject *wake = PyObject_GetAttrString((PyObject *)self, "_wake");
            PyObject *done = wake ? PyObject_CallMethod(wake, "nudge", NULL) : NULL;
            Py_XDECREF(wake);
            if (done == NULL)
                return NULL;
            Py_DECREF(done);
        }
    }
    Py_RETURN_TRUE;
}

static PyObject *number_messages(StreamState *self, PyObject *arguments)
{
    const char *prefix;
    Py_ssize_t length;
    long long number;
    if (!PyArg_ParseTuple(arguments, "y#L:number_messages", &prefix, &length, &number))
        return NULL;
    self->prefix_length = 0;
    if (length <= PREFIX_BYTES) {
        memcpy(self->prefix, prefix, (size_t)length);
        self->prefix_length = (int)length;
    }
    self->request_number = number;
    Py_RETURN_NONE;
}

static PyObject *next_request_number(StreamState *self, PyObject *unused)
{
    (void)unused;
    return PyLong_FromLongLong(self->request_number++);
}

static PyMethodDef methods[] = {
    {"append_batch", (PyCFunction)(void (*)(void))append_batch, METH_FASTCALL,
     "See dubhe_sdk.spool.stream_state."},
    {"number_messages", (PyCFunction)number_messages, METH_VARARGS,
     "See dubhe_sdk.spool.stream_state."},
    {"next_request_number", (PyCFunction)next_request_number, METH_NOARGS,
     "See dubhe_sdk.spool.stream_state."},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef members[] = {
    {"_fd", T_INT, offsetof(StreamState, fd), 0, NULL},
    {"_busy", T_BOOL, offsetof(StreamState, busy), 0, NULL},
    {"_seq", T_LONGLONG, offsetof(StreamState, seq), 0, NULL},
    {"_offset", T_LONGLONG, offsetof(StreamState, offset), 0, NULL},
    {"_first", T_LONGLONG, offsetof(StreamState, first), 0, NULL},
    {"_progress_limit", T_LONGLONG, offsetof(StreamState, progress_limit), 0, NULL},
    {"_important_limit", T_LONGLONG, offsetof(StreamState, important_limit), 0, NULL},
    {"_last_ns", T_LONGLONG, offsetof(StreamState, last_ns), 0, NULL},
    {"_next_check_ns", T_LONGLONG, offsetof(StreamState, next_check_ns), 0, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyType_Slot slots[] = {
    {Py_tp_doc, "See dubhe_sdk.spool.stream_state."},
    {Py_tp_methods, methods},
    {Py_tp_members, members},
    {0, NULL},
};

static PyType_Spec spec = {
    "dubhe_sdk.spool._stream_state.StreamState", sizeof(StreamState), 0,
    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, slots,
};

static int execute(PyObject *module)
{
    make_crc_table();
    PyObject *type = PyType_FromSpec(&spec);
    if (type == NULL)
        return -1;
    if (PyModule_AddObject(module, "StreamState", type) < 0) {
        Py_DECREF(type);
        return -1;
    }
    return 0;
}

static PyModuleDef_Slot module_slots[] = {{Py_mod_exec, execute}, {0, NULL}};

static PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "_stream_state", NULL, 0, NULL, module_slots, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit__stream_state(void)
{
    return PyModuleDef_Init(&definition);
}
