/*
 * A fake libnvidia-ml.so.1 for tests: a machine with COUNT GPUs, for the real Python bindings.
 *
 * Macros make other drivers of it: WITHOUT_POWER (an older one, which lacks functions),
 * UNSUPPORTED (GPU 1 knows neither its load nor its memory), FORBIDDEN (GPU 0 is another user's),
 * NO_DRIVER (the library is there, its kernel module is not). No headers: no C library is needed.
 */
enum { SUCCESS = 0, NOT_SUPPORTED = 3, NO_PERMISSION = 4, INSUFFICIENT_SIZE = 7,
       DRIVER_NOT_LOADED = 9 };

typedef struct { unsigned long long total, free, used; } memory_t;
typedef struct { unsigned gpu, memory; } utilization_t;
typedef struct { unsigned pid; unsigned long long memory; unsigned instance, compute; } process_t;
typedef struct { unsigned version, sensor; int temperature; } temperature_t;

static int gpus[COUNT];

static int index_of(const int *gpu) { return (int)(gpu - gpus); }

static int support(const int *gpu)
{
#ifdef UNSUPPORTED
    return index_of(gpu) == 1 ? NOT_SUPPORTED : SUCCESS;
#else
    return SUCCESS;
#endif
}

int nvmlInitWithFlags(unsigned flags)
{
#ifdef NO_DRIVER
    return DRIVER_NOT_LOADED;
#else
    return SUCCESS;
#endif
}

int nvmlDeviceGetCount_v2(unsigned *count)
{
    *count = COUNT;
    return SUCCESS;
}

int nvmlDeviceGetHandleByIndex_v2(unsigned index, int **gpu)
{
    *gpu = &gpus[index];
#ifdef FORBIDDEN
    return index == 0 ? NO_PERMISSION : SUCCESS;
#else
    return SUCCESS;
#endif
}

int nvmlDeviceGetName(const int *gpu, char *name, unsigned length)
{
    const char *text = "Fake GPU";
    while ((*name++ = *text++)) {
    }
    return SUCCESS;
}

int nvmlDeviceGetMemoryInfo(const int *gpu, memory_t *memory)
{
    memory->total = 16ULL << 30;
    memory->used = (1ULL + index_of(gpu)) << 30;
    memory->free = memory->total - memory->used;
    return support(gpu);
}

int nvmlDeviceGetUtilizationRates(const int *gpu, utilization_t *rates)
{
    rates->gpu = 30 + index_of(gpu);
    return support(gpu);
}

#ifdef WITHOUT_POWER
int nvmlDeviceGetTemperature(const int *gpu, int sensor, unsigned *degrees)
{
    *degrees = 50 + index_of(gpu);
    return SUCCESS;
}
#else
int nvmlDeviceGetTemperatureV(const int *gpu, temperature_t *answer)
{
    answer->temperature = 50 + index_of(gpu);
    return SUCCESS;
}

/* As many as the number of the GPU; asked without room, it says how much is needed. */
int nvmlDeviceGetComputeRunningProcesses_v3(const int *gpu, unsigned *count, process_t *room)
{
    unsigned found = (unsigned)index_of(gpu);
    if (*count < found) {
        *count = found;
        return INSUFFICIENT_SIZE;
    }
    *count = found;
    for (unsigned index = 0; index < found; index++) {
        room[index] = (process_t){ 100 + index, 1ULL << 20, 0, 0 };
    }
    return SUCCESS;
}

int nvmlDeviceGetPowerUsage(const int *gpu, unsigned *milliwatts)
{
    *milliwatts = 100500 + 1000 * index_of(gpu);
    return SUCCESS;
}
#endif

const char *nvmlErrorString(int error) { return "a fake error"; }
