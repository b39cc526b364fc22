/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench registry_render: the documents of a large registry: all of them from
 * scratch, and after one edit; and what it costs to keep them.
 *
 *     bench-registry_render [PROJECTS [HOSTS [SHARDS]]]
 */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include "base/mem.h"
#include "base/number.h"
#include "registry/model/documents.h"

#define N_EDITS    200
#define N_SERVICES 100

struct world {
	struct model *model;
	struct documents *documents;
	uint64_t n_projects, n_hosts, n_shards;
	uint64_t revision;
};

/* CPU time: what others do on the machine does not count. */
static double now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static double resident_mb(void)
{
	unsigned long long pages = 0;
	char line[256] = "";
	FILE *file = fopen("/proc/self/statm", "r");

	if (!file)
		return 0;
	if (fgets(line, sizeof(line), file)) {
		char *space = strchr(line, ' ');

		pages = space ? strtoull(space, NULL, 10) : 0;
	}
	(void)fclose(file);
	return (double)pages * (double)sysconf(_SC_PAGESIZE) / 1e6;
}

static void require(bool condition, const char *words)
{
	if (condition)
		return;
	(void)fprintf(stderr, "bench: %s\n", words);
	exit(1);
}

static struct object *make(struct model_tx *tx, enum kind kind,
                           const struct assignment *assignments, size_t n)
{
	struct object *object = NULL;
	struct err err = { 0 };

	if (model_create(tx, kind, assignments, n, &object, &err) < 0)
		require(false, err.message);
	return object;
}

#define TEXT(f, t)                  \
	{                           \
		(f),                \
		{                   \
			.text = (t) \
		}                   \
	}
#define NUMBER(f, n)                  \
	{                             \
		(f),                  \
		{                     \
			.number = (n) \
		}                     \
	}
#define REF(f, o)                     \
	{                             \
		(f),                  \
		{                     \
			.object = (o) \
		}                     \
	}
#define MAKE(tx, kind, ...)                                        \
	make(tx, kind, (const struct assignment[]){ __VA_ARGS__ }, \
	     sizeof((const struct assignment[]){ __VA_ARGS__ }) /  \
	             sizeof(struct assignment))

static void make_project(const struct world *world, struct model_tx *tx,
                         uint64_t nth, struct object *service,
                         struct object *shard)
{
	struct object *project, *farm;
	char name[64];

	(void)snprintf(name, sizeof(name), "project-%05u", (unsigned)nth);
	project =
		MAKE(tx, KIND_PROJECT, TEXT(PROJECT_NAME, name),
	             REF(PROJECT_SERVICE, service), REF(PROJECT_SHARD, shard));
	farm = MAKE(tx, KIND_FARM, TEXT(FARM_NAME, name),
	            REF(FARM_PROJECT, project));
	for (uint64_t i = 0; i < world->n_hosts; i++) {
		(void)snprintf(name, sizeof(name),
		               "host-%02u.project-%05u.example.com",
		               (unsigned)i, (unsigned)nth);
		(void)MAKE(tx, KIND_HOST, TEXT(HOST_NAME, name),
		           REF(HOST_FARM, farm));
	}
	(void)MAKE(tx, KIND_EXPORTER, TEXT(EXPORTER_JOB, "node"),
	           NUMBER(EXPORTER_PORT, 9100), REF(EXPORTER_PROJECT, project));
	(void)snprintf(name, sizeof(name), "Down%u", (unsigned)nth);
	(void)MAKE(tx, KIND_RULE, TEXT(RULE_NAME, name),
	           TEXT(RULE_CLAUSE, "up == 0"), REF(RULE_PROJECT, project));
}

static void fill(struct world *world)
{
	struct model_tx *tx = model_begin(world->model, 1790000000);
	struct object *services[N_SERVICES];
	struct object **shards =
		mem_calloc(world->n_shards, sizeof(struct object *));
	char name[64];

	require(tx && shards, "out of memory");
	for (uint64_t i = 0; i < world->n_shards; i++) {
		(void)snprintf(name, sizeof(name), "shard-%u", (unsigned)i);
		shards[i] = MAKE(tx, KIND_SHARD, TEXT(SHARD_NAME, name));
	}
	for (uint64_t i = 0; i < N_SERVICES; i++) {
		(void)snprintf(name, sizeof(name), "service-%u", (unsigned)i);
		services[i] = MAKE(tx, KIND_SERVICE, TEXT(SERVICE_NAME, name));
	}
	for (uint64_t i = 0; i < world->n_projects; i++)
		make_project(world, tx, i, services[i % N_SERVICES],
		             shards[i % world->n_shards]);
	mem_free(shards);
	model_commit(tx);
}

static void render(struct world *world)
{
	struct err err = { 0 };

	if (documents_render(world->documents, ++world->revision, NULL, NULL,
	                     &err) < 0)
		require(false, err.message);
}

/* From the edit in memory to documents that have it. */
static double edit(struct world *world, uint64_t nth, bool rename)
{
	struct object *host = model_next(world->model, KIND_HOST, NULL);
	struct object *farm = object_ref(host, HOST_FARM);
	const struct record *records;
	struct model_tx *tx;
	double from_ms = now_ms();
	struct err err;
	char name[64];
	size_t n;

	tx = model_begin(world->model, 1790000000);
	require(tx != NULL, "out of memory");
	(void)snprintf(name, sizeof(name), "new-%u", (unsigned)nth);
	if (rename)
		require(model_update(
				tx, object_ref(farm, FARM_PROJECT),
				&(struct assignment)TEXT(PROJECT_NAME, name), 1,
				&err) == 0,
		        "it cannot be renamed");
	else
		(void)MAKE(tx, KIND_HOST, TEXT(HOST_NAME, name),
		           REF(HOST_FARM, farm));
	records = model_records(tx, &n);
	documents_touch(world->documents, records, n);
	model_commit(tx);
	render(world);
	return now_ms() - from_ms;
}

static void bench_edits(struct world *world, bool rename)
{
	double worst_ms = 0, sum_ms = 0;

	for (uint64_t i = 0; i < N_EDITS; i++) {
		double ms = edit(world, i, rename);

		sum_ms += ms;
		worst_ms = ms > worst_ms ? ms : worst_ms;
	}
	(void)printf("%s: %.2f ms, worst %.2f ms\n",
	             rename ? "a project renamed" : "a host added",
	             sum_ms / N_EDITS, worst_ms);
}

static uint64_t argument(int argc, char **argv, int nth, uint64_t fallback)
{
	uint64_t number = fallback;

	if (nth < argc)
		require(number_parse_u64(slice_from(argv[nth]), &number) == 0,
		        "not a number");
	return number ? number : fallback;
}

int main(int argc, char **argv)
{
	const struct documents_options options = { "global", "" };
	struct world world = {
		.n_projects = argument(argc, argv, 1, 2000),
		.n_hosts = argument(argc, argv, 2, 50),
		.n_shards = argument(argc, argv, 3, 4),
	};
	const struct document *all;
	double from_ms;

	world.model = model_new(1);
	require(world.model != NULL, "out of memory");
	from_ms = now_ms();
	fill(&world);
	(void)printf("%u projects of %u hosts on %u shards: made in %.0f ms, "
	             "%.1f MB resident\n",
	             (unsigned)world.n_projects, (unsigned)world.n_hosts,
	             (unsigned)world.n_shards, now_ms() - from_ms,
	             resident_mb());
	world.documents = documents_new(world.model, &options);
	require(world.documents != NULL, "out of memory");
	from_ms = now_ms();
	render(&world);
	all = documents_get(world.documents, NULL, DOCUMENT_TARGETS);
	(void)printf("rendered from scratch: %.1f ms; %u targets, %.2f MB, "
	             "compressed %.2f MB\n",
	             now_ms() - from_ms, all->n_items,
	             (double)all->text.n / 1e6, (double)all->gzip.n / 1e6);
	bench_edits(&world, false);
	bench_edits(&world, true);
	(void)printf("%.1f MB resident\n", resident_mb());
	documents_free(world.documents);
	model_free(world.model);
	return 0;
}
