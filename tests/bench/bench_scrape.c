/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench_scrape: how fast the metrics of an exporter are read, and with how much
 * memory. Each body has histograms, counters and gauges as a real one has, and
 * is fed in pieces of 16 KiB as a connection delivers them; a thousand
 * monitors wait for a series each, of ten of its metrics or of all. The figures are CPU time, the
 * best of several runs, and the most that was allocated at a time.
 */
#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include "base/buf.h"
#include "base/mem.h"
#include "core/series_table.h"
#include "proto/exposition.h"

#define N_METRICS  200
#define N_MONITORS 1000
#define N_RUNS     10
#define PIECE      16384
#define MB         1000000u
#define MAX_BODY   (128u * MB)

struct bench {
	struct series_table table;
	uint64_t n_found;
};

static size_t n_allocated;
static size_t most_allocated;

static void *counting(void *context, void *pointer, size_t size)
{
	size_t before = pointer ? malloc_usable_size(pointer) : 0;
	void *moved = NULL;

	if (size == 0)
		free(pointer);
	else
		moved = realloc(pointer, size);
	n_allocated -= before;
	n_allocated += moved ? malloc_usable_size(moved) : 0;
	most_allocated = MAX(most_allocated, n_allocated);
	return moved;
}

static double now(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec * 1e-9;
}

/* --- bodies -------------------------------------------------------------- */

static void put_metric(struct buf *body, int number, int n_series)
{
	(void)buf_printf(body,
	                 "# HELP app_requests_%d_seconds How long it took.\n"
	                 "# TYPE app_requests_%d_seconds gauge\n",
	                 number, number);
	for (int i = 0; i < n_series; i++)
		(void)buf_printf(body,
		                 "app_requests_%d_seconds{instance=\"web-%d\","
		                 "method=\"GET\",path=\"/api/v1/items\","
		                 "status=\"200\"} %d.%04d\n",
		                 number, i, number, i);
}

static void make_body(struct buf *body, size_t size)
{
	/* a line of them has about a hundred bytes */
	int n_series = (int)(size / N_METRICS / 100);

	buf_init(body, MAX_BODY);
	for (int i = 0; i < N_METRICS; i++)
		put_metric(body, i, n_series);
	(void)buf_puts(body, "# EOF\n");
}

/* --- reading ------------------------------------------------------------- */

static void *wanted(void *context, struct slice name)
{
	struct bench *bench = context;

	return series_table_family(&bench->table, name);
}

static void on_sample(void *context, const struct exposition_sample *sample)
{
	struct bench *bench = context;

	series_table_see(&bench->table, sample->family, sample->labels,
	                 sample->n_labels, sample->value,
	                 sample->timestamp.n > 0);
}

static const struct exposition_callbacks callbacks = { .wanted = wanted,
	                                               .sample = on_sample };

static void on_told(void *context, const struct series_result *result)
{
	struct bench *bench = context;

	bench->n_found += result->n;
}

static int read_body(struct bench *bench, struct slice body,
                     enum exposition_format format)
{
	struct exposition scan;
	int r = 0;

	exposition_init(&scan, &callbacks, bench);
	exposition_set_format(&scan, format);
	series_table_begin(&bench->table);
	while (body.n > 0 && r == 0) {
		size_t n = MIN(body.n, (size_t)PIECE);

		r = exposition_feed(&scan, slice_make(body.p, n));
		body = slice_skip(body, n);
	}
	if (r == 0)
		r = exposition_finish(&scan);
	if (r == 0)
		r = series_table_failed(&bench->table);
	exposition_fini(&scan);
	series_table_conclude(&bench->table, r == 0, on_told, bench);
	return r;
}

/* As many instances of each of @n_metrics as make N_MONITORS. */
static int add_monitors(struct series_table *table, uint32_t n_metrics)
{
	int r = 0;

	for (uint32_t i = 0; i < N_MONITORS && r == 0; i++) {
		char name[64];
		char matchers[64];

		(void)snprintf(name, sizeof(name), "app_requests_%u_seconds",
		               i % n_metrics);
		(void)snprintf(matchers, sizeof(matchers),
		               "instance=\"web-%u\",status=~\"2..\"",
		               i / n_metrics);
		r = series_table_add(table, i, name, matchers, NULL);
	}
	return r;
}

static void run(const char *name, size_t size, enum exposition_format format,
                uint32_t n_metrics)
{
	struct bench bench = { .n_found = 0 };
	double best = 1e9;
	struct buf body;

	make_body(&body, size);
	mem_set_allocator(counting, NULL);
	n_allocated = 0;
	most_allocated = 0;
	series_table_init(&bench.table, 42);
	if (body.failed ||
	    (n_metrics && add_monitors(&bench.table, n_metrics) < 0))
		exit(1);
	for (int i = 0; i < N_RUNS; i++) {
		double start = now();

		if (read_body(&bench, buf_slice(&body), format) != 0) {
			(void)fprintf(stderr, "%s: not read\n", name);
			exit(1);
		}
		best = MIN(best, now() - start);
	}
	(void)printf("%-36s %6.1f MB %6.0f MB/s %8.2f ms %6zu KiB %6" PRIu64
	             " found\n",
	             name, (double)body.n / 1e6, (double)body.n / best / 1e6,
	             best * 1e3, most_allocated / 1024, bench.n_found / N_RUNS);
	series_table_fini(&bench.table);
	mem_set_allocator(NULL, NULL);
	buf_fini(&body);
}

int main(void)
{
	run("text, no monitor", 10 * MB, EXPOSITION_TEXT, 0);
	run("text, 10 of 200 metrics watched", 10 * MB, EXPOSITION_TEXT, 10);
	run("text, all metrics watched", 10 * MB, EXPOSITION_TEXT, N_METRICS);
	run("OpenMetrics, 10 of 200 watched", 10 * MB, EXPOSITION_OPENMETRICS,
	    10);
	run("OpenMetrics, all metrics watched", 10 * MB, EXPOSITION_OPENMETRICS,
	    N_METRICS);
	run("text, 10 of 200 metrics watched", 100 * MB, EXPOSITION_TEXT, 10);
	return 0;
}
