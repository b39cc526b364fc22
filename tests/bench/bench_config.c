/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench_config: what a large configuration costs: the time to load it, what
 * stays of it in memory, and what it took for a moment. Each size is measured
 * in a process of its own, so that nothing of the one before is left over.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "config/config.h"

static double now(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec * 1e-9;
}

/* Resident bytes of this process. */
static double resident(void)
{
	FILE *file = fopen("/proc/self/statm", "re");
	char line[128] = "";
	char *rest = line;

	if (file) {
		rest = fgets(line, sizeof(line), file);
		(void)fclose(file);
	}
	if (!rest)
		return 0;
	(void)strtoul(line, &rest, 10); /* the whole size */
	return (double)strtoul(rest, NULL, 10) * (double)sysconf(_SC_PAGESIZE);
}

static void write_file(const char *path, int n)
{
	FILE *file = fopen(path, "we");

	if (!file)
		abort();
	(void)fputs("global:\n  push_gw: http://gateway:9091\nmonitors:\n",
	            file);
	for (int i = 0; i < n; i++)
		(void)fprintf(file,
		              "  - name: monitor number %d\n"
		              "    max_age: 1h30m\n"
		              "    type: docker\n"
		              "    container_name: prom-stack_exporter_%d\n"
		              "    label_name: job\n"
		              "    label_value: exporter_%d\n"
		              "    restart_type: container\n",
		              i, i, i);
	if (fclose(file) != 0)
		abort();
}

static void measure(const char *path, int n)
{
	struct config *config = NULL;
	struct rusage usage;
	struct buf problems;
	double before;
	double start;
	double end;

	buf_init(&problems, 1 << 16);
	before = resident();
	start = now();
	if (config_load(path, NULL, 0, &config, &problems) < 0)
		abort();
	end = now();
	(void)getrusage(RUSAGE_SELF, &usage);
	(void)printf("%9d %11.1f %14.0f %13.1f\n", n, (end - start) * 1e3,
	             (resident() - before) / n,
	             ((double)usage.ru_maxrss * 1024 - before) / 1e6);
	config_free(config);
	buf_fini(&problems);
}

int main(void)
{
	static const int sizes[] = { 1, 1000, 10000, 100000 };
	char path[] = "/tmp/bouncer-bench-XXXXXX";
	int fd = mkstemp(path);

	if (fd < 0)
		abort();
	(void)close(fd);
	(void)printf(" monitors     load ms  bytes/monitor  peak more MB\n");
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		pid_t child;

		write_file(path, sizes[i]);
		(void)fflush(stdout);
		child = fork();
		if (child == 0) {
			measure(path, sizes[i]);
			return fflush(stdout) == 0 ? 0 : 1;
		}
		(void)waitpid(child, NULL, 0);
	}
	(void)unlink(path);
	return 0;
}
