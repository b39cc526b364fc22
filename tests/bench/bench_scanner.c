/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench_scanner: how fast the bodies of a Pushgateway are read. Each body is
 * that of 10,000 groups, fed in pieces of 64 KiB as a connection delivers
 * them; the figures are CPU time, the best of several runs.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include "base/buf.h"
#include "core/label_index.h"
#include "proto/exposition.h"
#include "proto/pushgateway.h"

#define N_GROUPS  10000
#define N_QUERIES 10000
#define N_RUNS    30
#define PIECE     65536
#define MAX_BODY  (64u << 20)

struct bench {
	struct label_index index;
	bool wants_all;
	uint64_t n_found;
};

static double now(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec * 1e-9;
}

/* --- bodies -------------------------------------------------------------- */

static void put_family(struct buf *body, const char *name, const char *value)
{
	(void)buf_printf(body, "# HELP %s What it is.\n# TYPE %s gauge\n", name,
	                 name);
	for (int i = 0; i < N_GROUPS; i++) {
		(void)buf_printf(body,
		                 "%s{instance=\"\",job=\"api_exporter_%d\"} ",
		                 name, i);
		(void)buf_printf(body, "%s%04d\n", value, i);
	}
}

static void make_text(struct buf *body)
{
	buf_init(body, MAX_BODY);
	put_family(body, "api_requests_total", "");
	put_family(body, "push_failure_time_seconds", "0.");
	put_family(body, "push_time_seconds", "1795177980.");
}

static void make_json(struct buf *body)
{
	static const char *const families[] = { "api_requests_total",
		                                "push_failure_time_seconds",
		                                "push_time_seconds" };

	buf_init(body, MAX_BODY);
	(void)buf_puts(body, "{\"status\":\"success\",\"data\":[");
	for (int i = 0; i < N_GROUPS; i++) {
		(void)buf_printf(body,
		                 "%s{\"labels\":{\"instance\":\"\","
		                 "\"job\":\"api_exporter_%d\"},"
		                 "\"last_push_successful\":true",
		                 i ? "," : "", i);
		for (size_t f = 0; f < ARRAY_SIZE(families); f++)
			(void)buf_printf(
				body,
				",\"%s\":{\"time_stamp\":\"2026-01-02T15:04:05."
				"123456789Z\",\"type\":\"GAUGE\",\"help\":"
				"\"What it is.\",\"metrics\":[{\"labels\":{"
				"\"instance\":\"\",\"job\":\"api_exporter_%d\"}"
				","
				"\"value\":\"1.7951779801e+09\"}]}",
				families[f], i);
		(void)buf_putc(body, '}');
	}
	(void)buf_puts(body, "]}");
}

/* --- readers ------------------------------------------------------------- */

static void on_match(void *context, uint32_t number)
{
	++*(uint64_t *)context;
}

static void *wanted(void *context, struct slice name)
{
	struct bench *bench = context;

	return bench->wants_all || slice_is(name, "push_time_seconds") ? bench
	                                                               : NULL;
}

static void *wanted_none(void *context, struct slice name)
{
	return NULL;
}

static void on_sample(void *context, const struct exposition_sample *sample)
{
	struct bench *bench = context;

	bench->n_found += sample->n_labels;
}

static void on_sample_indexed(void *context,
                              const struct exposition_sample *sample)
{
	struct bench *bench = context;

	label_index_match(&bench->index, 1, sample->labels, sample->n_labels,
	                  on_match, &bench->n_found);
}

static void on_pushed(void *context, const struct label *labels,
                      size_t n_labels, void *family, int64_t unix_ms)
{
	struct bench *bench = context;

	label_index_match(&bench->index, 1, labels, n_labels, on_match,
	                  &bench->n_found);
}

static int read_text(struct slice body,
                     const struct exposition_callbacks *callbacks,
                     struct bench *bench)
{
	struct exposition scan;
	int r = 0;

	exposition_init(&scan, callbacks, bench);
	while (body.n > 0 && r == 0) {
		size_t n = MIN(body.n, (size_t)PIECE);

		r = exposition_feed(&scan, slice_make(body.p, n));
		body = slice_skip(body, n);
	}
	if (r == 0)
		r = exposition_finish(&scan);
	if (scan.counts.n_samples != (uint64_t)3 * N_GROUPS)
		r = -1;
	exposition_fini(&scan);
	return r;
}

static int read_json(struct slice body,
                     const struct pushgateway_callbacks *callbacks,
                     struct bench *bench)
{
	struct pushgateway_document document;
	int r = 0;

	pushgateway_document_init(&document, callbacks, bench);
	while (body.n > 0 && r == 0) {
		size_t n = MIN(body.n, (size_t)PIECE);

		r = pushgateway_document_feed(&document, slice_make(body.p, n));
		body = slice_skip(body, n);
	}
	if (r == 0)
		r = pushgateway_document_finish(&document);
	if (document.n_groups != N_GROUPS)
		r = -1;
	pushgateway_document_fini(&document);
	return r;
}

/* --- figures ------------------------------------------------------------- */

static void report(const char *name, size_t n_bytes, double seconds,
                   const struct bench *bench)
{
	(void)printf("%-44s %8.0f MB/s %9.3f ms %10" PRIu64 " found\n", name,
	             (double)n_bytes / seconds / 1e6, seconds * 1e3,
	             bench->n_found / N_RUNS);
}

static void run_text(const char *name, struct slice body,
                     const struct exposition_callbacks *callbacks,
                     struct bench *bench)
{
	double best = 1e9;

	bench->n_found = 0;
	for (int i = 0; i < N_RUNS; i++) {
		double start = now();

		if (read_text(body, callbacks, bench) != 0) {
			(void)fprintf(stderr, "%s: not read\n", name);
			exit(1);
		}
		best = MIN(best, now() - start);
	}
	report(name, body.n, best, bench);
}

static void run_json(const char *name, struct slice body,
                     const struct pushgateway_callbacks *callbacks,
                     struct bench *bench)
{
	double best = 1e9;

	bench->n_found = 0;
	for (int i = 0; i < N_RUNS; i++) {
		double start = now();

		if (read_json(body, callbacks, bench) != 0) {
			(void)fprintf(stderr, "%s: not read\n", name);
			exit(1);
		}
		best = MIN(best, now() - start);
	}
	report(name, body.n, best, bench);
}

static int add_queries(struct bench *bench)
{
	int r = 0;

	for (uint32_t i = 0; i < N_QUERIES && r == 0; i++) {
		char job[32];
		struct label pair = { slice_from("job"), { 0 } };

		(void)snprintf(job, sizeof(job), "api_exporter_%u", i);
		pair.value = slice_from(job);
		r = label_index_add(&bench->index, 1, &pair, 1, i);
	}
	return r;
}

int main(void)
{
	static const struct exposition_callbacks none = { .wanted = wanted_none,
		                                          .sample = on_sample };
	static const struct exposition_callbacks parsed = { .wanted = wanted,
		                                            .sample =
		                                                    on_sample };
	static const struct exposition_callbacks indexed = {
		.wanted = wanted, .sample = on_sample_indexed
	};
	static const struct pushgateway_callbacks groups = { wanted,
		                                             on_pushed };
	static const struct pushgateway_callbacks no_groups = { wanted_none,
		                                                on_pushed };
	struct bench bench = { .wants_all = true };
	struct buf text;
	struct buf json;

	label_index_init(&bench.index, 42);
	make_text(&text);
	make_json(&json);
	if (add_queries(&bench) < 0 || text.failed || json.failed)
		return 1;

	(void)printf("%d groups: %.1f MB of text, %.1f MB of JSON\n", N_GROUPS,
	             (double)text.n / 1e6, (double)json.n / 1e6);
	run_text("text, no family wanted", buf_slice(&text), &none, &bench);
	run_text("text, every line wanted", buf_slice(&text), &parsed, &bench);
	run_text("text, every line against 10,000 queries", buf_slice(&text),
	         &indexed, &bench);
	bench.wants_all = false;
	run_text("text, push_time_seconds against 10,000", buf_slice(&text),
	         &indexed, &bench);
	run_json("json, no family wanted", buf_slice(&json), &no_groups,
	         &bench);
	run_json("json, one family against 10,000 queries", buf_slice(&json),
	         &groups, &bench);

	label_index_fini(&bench.index);
	buf_fini(&text);
	buf_fini(&json);
	return 0;
}
