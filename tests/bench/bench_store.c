/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench_store: the push store alone, without HTTP: PUTs of 1 KB into as many
 * groups as there are, what a group takes in memory, and how long a view of
 * all takes, whole and in its longest slice.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include "base/buf.h"
#include "base/rng.h"
#include "core/push_snapshot.h"
#include "core/push_store.h"

#define BODY_BYTES 1024
#define N_PUSHES   200000
#define SLICE      65536
#define MAX_TEXT   ((size_t)1 << 30)

/* CPU time: what others do on the machine does not count. */
static double cpu(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec * 1e-9;
}

static void must(bool good, const char *what)
{
	if (!good) {
		(void)fprintf(stderr, "%s\n", what);
		exit(1);
	}
}

static size_t resident(void)
{
	FILE *file = fopen("/proc/self/statm", "r");
	char line[128] = "";
	char *end;

	must(file && fgets(line, sizeof(line), file), "/proc/self/statm");
	(void)fclose(file);
	(void)strtoul(line, &end, 10);
	return strtoul(end, NULL, 10) * (size_t)sysconf(_SC_PAGESIZE);
}

/* Families of one sample, as a job writes them, up to BODY_BYTES. */
static uint32_t make_body(struct buf *out, unsigned value)
{
	uint32_t n = 0;

	buf_reset(out);
	while (out->n < BODY_BYTES - 45) {
		(void)buf_printf(out, "batch_metric_number_%02u_seconds ", n);
		(void)buf_printf(out, "%u.%03u\n", value * 7 + n,
		                 (value + n) % 1000);
		n++;
	}
	return n;
}

struct bench {
	struct push_store *store;
	struct push_body body;
	struct push_key key;
	struct buf text;
};

static void set_group(struct bench *bench, uint32_t group)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/job/nightly_batch_%u/shard/a",
	               group);
	must(push_path_parse(slice_from(path), &bench->key, NULL) == 0, path);
}

static void parse(struct bench *bench)
{
	must(push_body_parse(&bench->body, buf_slice(&bench->text), NULL) == 0,
	     "body");
}

static void push(struct bench *bench, uint32_t i)
{
	struct push_time time = { 1000 + i, i };
	struct err err;

	if (push_store_push(bench->store, &bench->key, &bench->body, true, time,
	                    &err) != 0)
		must(false, err.message);
}

static void fill(struct bench *bench, uint32_t n_groups)
{
	double start = cpu();

	parse(bench);
	for (uint32_t i = 0; i < n_groups; i++) {
		set_group(bench, i);
		push(bench, i);
	}
	(void)printf("%7u groups: made in %6.2f us each", n_groups,
	             (cpu() - start) * 1e6 / n_groups);
}

static void report_pushes(struct bench *bench, uint32_t n_groups)
{
	struct rng rng = { 1 };
	double start;
	double seconds;
	double with;

	start = cpu();
	for (uint32_t i = 0; i < N_PUSHES; i++)
		set_group(bench, (uint32_t)rng_below(&rng, n_groups));
	seconds = cpu() - start;

	start = cpu();
	for (uint32_t i = 0; i < N_PUSHES; i++) {
		set_group(bench, (uint32_t)rng_below(&rng, n_groups));
		push(bench, i);
	}
	seconds = (cpu() - start - seconds) / N_PUSHES;

	start = cpu();
	for (uint32_t i = 0; i < N_PUSHES; i++) {
		set_group(bench, (uint32_t)rng_below(&rng, n_groups));
		parse(bench);
		push(bench, i);
	}
	with = (cpu() - start) / N_PUSHES;
	(void)printf(", PUT %5.2f us, %6.0f/s; with parsing %5.2f us, "
	             "%6.0f/s\n",
	             seconds * 1e6, 1 / seconds, with * 1e6, 1 / with);
}

static void write_family(struct push_view *view, struct buf *out,
                         double *longest, size_t *total)
{
	bool done;

	do {
		double start = cpu();

		buf_reset(out);
		done = push_view_write(view, out, SLICE);
		must(!out->failed, "view");
		*longest = MAX(*longest, cpu() - start);
		*total += out->n;
	} while (!done);
}

static void report_view(struct push_store *store)
{
	struct push_view *view = push_view_new(store);
	struct push_view_family family;
	double longest = 0;
	size_t total = 0;
	double start = cpu();
	struct buf out;

	must(view, "view");
	buf_init(&out, MAX_TEXT);
	while (push_view_next(view, &family))
		write_family(view, &out, &longest, &total);
	push_view_free(view);
	buf_fini(&out);
	(void)printf("         view: %.1f MB in %.1f ms, longest slice %.2f "
	             "ms\n",
	             (double)total / 1e6, (cpu() - start) * 1e3, longest * 1e3);
}

static void report_json(struct push_store *store)
{
	struct push_view *view = push_view_new(store);
	double longest = 0;
	size_t total = 0;
	double start = cpu();
	struct buf out;
	bool done;

	must(view, "view");
	buf_init(&out, MAX_TEXT);
	do {
		double slice = cpu();

		buf_reset(&out);
		done = push_view_write_json(view, &out, SLICE);
		longest = MAX(longest, cpu() - slice);
		total += out.n;
	} while (!done);
	push_view_free(view);
	buf_fini(&out);
	(void)printf("         JSON: %.1f MB in %.1f ms, longest slice %.2f "
	             "ms\n",
	             (double)total / 1e6, (cpu() - start) * 1e3, longest * 1e3);
}

static void report_snapshot(struct push_store *store)
{
	struct push_store *copy = push_store_new(3, NULL, NULL);
	struct push_snapshot_writer *writer =
		push_snapshot_writer_new(store, 5000);
	struct push_time time = { 6000, 5000 };
	double start = cpu();
	double written;
	struct buf out;
	struct err err;

	must(copy && writer, "snapshot");
	buf_init(&out, MAX_TEXT);
	while (!push_snapshot_write(writer, &out, out.n + SLICE))
		;
	push_snapshot_writer_free(writer);
	written = cpu() - start;
	start = cpu();
	if (push_snapshot_read(copy, buf_slice(&out), time, &err) != 0)
		must(false, err.message);
	(void)printf("         snapshot: %.1f MB written in %.1f ms, read in "
	             "%.1f ms\n",
	             (double)out.n / 1e6, written * 1e3, (cpu() - start) * 1e3);
	push_store_free(copy);
	buf_fini(&out);
}

static bool next_family(struct push_view *view, struct push_view_family *family,
                        double *longest)
{
	double start = cpu();
	bool more = push_view_next(view, family);

	*longest = MAX(*longest, cpu() - start);
	return more;
}

/* One group of all has beats. */
static void beat(struct bench *bench)
{
	const struct ping ping = { PING_START, -1 };
	const struct push_time time = { 1000, 0 };

	set_group(bench, 0);
	must(push_store_beat(bench->store, &bench->key, &ping, time, NULL) == 0,
	     "beat");
}

/* Views come and go while pushes go on. */
static void report_both(struct bench *bench, uint32_t n_groups)
{
	struct push_view *view;
	struct push_view_family family;
	struct rng rng = { 2 };
	double longest = 0;
	uint32_t n = 0;
	double start;
	size_t total = 0;
	double ended;
	struct buf out;

	beat(bench);
	view = push_view_new(bench->store);
	must(view, "view");
	buf_init(&out, MAX_TEXT);
	parse(bench);
	while (next_family(view, &family, &longest)) {
		write_family(view, &out, &longest, &total);
		for (int i = 0; i < 20; i++, n++) {
			set_group(bench, (uint32_t)rng_below(&rng, n_groups));
			start = cpu();
			push(bench, n);
			longest = MAX(longest, cpu() - start);
		}
	}
	start = cpu();
	push_view_free(view);
	ended = cpu() - start;
	(void)printf("         view with %u pushes: longest step %.2f ms, its "
	             "end %.2f ms\n",
	             n, longest * 1e3, ended * 1e3);
	buf_fini(&out);
}

static void run(struct bench *bench, uint32_t n_groups)
{
	size_t before = resident();
	struct push_store_counts counts;
	double start;

	bench->store = push_store_new(99, NULL, NULL);
	must(bench->store, "store");
	fill(bench, n_groups);
	counts = push_store_counts(bench->store);
	(void)printf(", %5.0f bytes resident each (%" PRIu64
	             " of lines), %.1f MB in all\n        ",
	             (double)(resident() - before) / n_groups,
	             counts.n_bytes / n_groups, (double)resident() / 1e6);
	report_pushes(bench, n_groups);
	if (n_groups >= 10000) {
		report_view(bench->store);
		report_json(bench->store);
		report_both(bench, n_groups);
		report_snapshot(bench->store);
	}
	start = cpu();
	push_store_wipe(bench->store);
	(void)printf("         wiped in %.1f ms\n", (cpu() - start) * 1e3);
	push_store_free(bench->store);
}

int main(int argc, char **argv)
{
	static const uint32_t all[] = { 1, 100, 1000, 10000, 100000 };
	struct bench bench = { 0 };
	uint32_t n_samples;

	push_body_init(&bench.body, 3);
	push_key_init(&bench.key);
	buf_init(&bench.text, MAX_TEXT);
	n_samples = make_body(&bench.text, 12345);
	(void)printf("bodies of %zu bytes, %u families of one sample\n",
	             bench.text.n, n_samples);
	if (argc > 1)
		run(&bench, (uint32_t)strtoul(argv[1], NULL, 10));
	for (size_t i = 0; argc == 1 && i < ARRAY_SIZE(all); i++)
		run(&bench, all[i]);
	buf_fini(&bench.text);
	push_key_fini(&bench.key);
	push_body_fini(&bench.body);
	return 0;
}
