/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench_push_body: how fast the body of a push is read. CPU time, the best of
 * several runs.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include "base/buf.h"
#include "base/macros.h"
#include "proto/push_body.h"

#define N_RUNS   20
#define MAX_BODY (64u << 20)
#define N_BYTES  (20u << 20) /* read in each run */

static double now(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec * 1e-9;
}

/* What a batch job pushes: gauges with help, a few labels. */
static void put_gauges(struct buf *text, int n)
{
	for (int i = 0; i < n; i++) {
		(void)buf_printf(text, "# HELP batch_stage_%d_seconds ", i);
		(void)buf_puts(text, "Time that the stage took.\n");
		(void)buf_printf(text, "# TYPE batch_stage_%d_seconds gauge\n",
		                 i);
		(void)buf_printf(text,
		                 "batch_stage_%d_seconds{stage=\"load\","
		                 "host=\"db-%d.example.org\"} 179517.%d\n",
		                 i, i, i * 37);
	}
}

static void put_histogram(struct buf *text)
{
	(void)buf_puts(text, "# HELP request_seconds Time of a request.\n"
	                     "# TYPE request_seconds histogram\n");
	for (int i = 0; i < 14; i++)
		(void)buf_printf(text,
		                 "request_seconds_bucket{path=\"/api\","
		                 "le=\"%d.0\"} %d.0\n",
		                 i, i * 71);
	(void)buf_puts(text, "request_seconds_count{path=\"/api\"} 1000.0\n"
	                     "request_seconds_sum{path=\"/api\"} 471.25\n");
}

static void put_series(struct buf *text, int n)
{
	(void)buf_puts(text, "# TYPE rows_total counter\n");
	for (int i = 0; i < n; i++)
		(void)buf_printf(text, "rows_total{table=\"t%d\"} %d\n", i,
		                 i * 3);
}

static void put_families(struct buf *text, int n)
{
	for (int i = 0; i < n; i++)
		(void)buf_printf(text, "family_%d %d\n", i, i);
}

static void measure(const char *name, const struct buf *text)
{
	int n = MAX(1, (int)(N_BYTES / text->n));
	struct push_body body;
	double best = 1e9;
	struct err err;

	push_body_init(&body, 42);
	for (int run = 0; run < N_RUNS; run++) {
		double start = now();

		for (int i = 0; i < n; i++) {
			if (push_body_parse(&body, buf_slice(text), &err)) {
				(void)fprintf(stderr, "%s: %s\n", name,
				              err.message);
				exit(1);
			}
		}
		best = MIN(best, (now() - start) / n);
	}
	(void)printf("%-24s %9zu bytes %7u samples %10.2f us %6.0f MB/s\n",
	             name, text->n, body.n_samples, best * 1e6,
	             (double)text->n / best / 1e6);
	push_body_fini(&body);
}

int main(void)
{
	struct buf text;

	buf_init(&text, MAX_BODY);
	put_gauges(&text, 5);
	measure("gauges, 1 KB", &text);
	buf_reset(&text);
	put_histogram(&text);
	measure("histogram, 1 KB", &text);
	buf_reset(&text);
	put_series(&text, 100000);
	measure("100,000 series", &text);
	buf_reset(&text);
	put_families(&text, 100000);
	measure("100,000 families", &text);
	buf_fini(&text);
	return 0;
}
