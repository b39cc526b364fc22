/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/model/targets_json.h"

#include <errno.h>
#include <stdlib.h>
#include "base/arena.h"
#include "base/json_writer.h"
#include "base/mem.h"
#include "base/text.h"
#include "registry/model/exporter_params.h"

/* Of four objects and an exporter, its params twice, and our own. */
#define MAX_LABELS 512
#define OWN_PREFIX 2 /* "__param_NAME" without it is a label that stays */

static int compare_text(const struct object *a, const struct object *b,
                        unsigned field)
{
	return strcmp(object_text(a, field), object_text(b, field));
}

/* --- labels of a group ---------------------------------------------------- */

struct group_labels {
	struct label items[MAX_LABELS]; /* by name */
	size_t n;
};

/* Whoever comes later counts. */
static void labels_put_one(struct group_labels *labels, struct slice name,
                           struct slice value)
{
	size_t at = labels->n;
	int order = 1;

	while (at &&
	       (order = slice_compare(labels->items[at - 1].name, name)) > 0)
		at--;
	if (at && order == 0) {
		labels->items[at - 1].value = value;
		return;
	}
	if (labels->n == MAX_LABELS)
		return;
	memmove(labels->items + at + 1, labels->items + at,
	        (labels->n - at) * sizeof(*labels->items));
	labels->items[at] = (struct label){ name, value };
	labels->n++;
}

static void labels_put_text(struct group_labels *labels, const char *name,
                            const char *value)
{
	labels_put_one(labels, slice_from(name), slice_from(value));
}

static void labels_put_set(struct group_labels *labels,
                           const struct label_set *set)
{
	for (uint32_t i = 0; set && i < set->n; i++)
		labels_put_one(labels, set->items[i].name, set->items[i].value);
}

/* What all groups of a project have. */
static void labels_put_project(struct group_labels *labels,
                               const struct object *project)
{
	const struct object *service = object_ref(project, PROJECT_SERVICE);
	const struct object *shard = object_ref(project, PROJECT_SHARD);

	labels_put_set(labels, object_labels(service, SERVICE_LABELS));
	labels_put_set(labels, object_labels(project, PROJECT_LABELS));
	labels_put_text(labels, "__shard", object_text(shard, SHARD_NAME));
	labels_put_text(labels, "service", object_text(service, SERVICE_NAME));
	labels_put_text(labels, "project", object_text(project, PROJECT_NAME));
}

static void group_open(struct json_writer *json, struct buf *out)
{
	if (out->n)
		(void)buf_puts(out, ",\n");
	json_write_init(json, out);
	json_write_object(json);
}

static void group_write_labels(struct json_writer *json,
                               const struct group_labels *labels)
{
	labels_write_json(json, "labels", labels->items, labels->n);
	json_write_key(json, "targets");
	json_write_array(json);
}

static void group_close(struct json_writer *json)
{
	json_write_array_end(json);
	json_write_object_end(json);
}

static void write_target(struct json_writer *json, const char *host,
                         int64_t port)
{
	bool bare = strchr(host, ':') && host[0] != '[';

	/* by hand: `json` has only to know that there is one more */
	if (json->comma[json->depth])
		(void)buf_putc(json->buf, ',');
	json->comma[json->depth] = true;
	(void)buf_puts(json->buf, bare ? "\"[" : "\"");
	text_escape_json(json->buf, slice_from(host));
	(void)buf_printf(json->buf, bare ? "]:%u\"" : ":%u\"", (unsigned)port);
}

/* --- what is sorted ------------------------------------------------------- */

struct objects {
	const struct object **items;
	size_t n;
};

static int collect(struct arena *arena, const struct object *owner,
                   enum kind kind, unsigned field, struct objects *objects)
{
	uint32_t n = object_n_children(owner, kind, field);

	*objects = (struct objects){ 0 };
	if (n == 0)
		return 0;
	objects->items = arena_calloc(arena, n, sizeof(struct object *));
	if (!objects->items)
		return -ENOMEM;
	OBJECT_FOR_EACH(child, owner, kind, field)
	objects->items[objects->n++] = child;
	return 0;
}

static void sort(struct objects *objects,
                 int (*compare)(const void *a, const void *b))
{
	if (objects->n > 1)
		qsort(objects->items, objects->n, sizeof(struct object *),
		      compare);
}

static const struct object *object_at(const void *at)
{
	return *(const struct object *const *)at;
}

static int compare_sets(const struct label_set *a, const struct label_set *b)
{
	uint32_t n_a = a ? a->n : 0;
	uint32_t n_b = b ? b->n : 0;

	for (uint32_t i = 0; i < MIN(n_a, n_b); i++) {
		int order = slice_compare(a->items[i].name, b->items[i].name);

		if (order == 0)
			order = slice_compare(a->items[i].value,
			                      b->items[i].value);
		if (order)
			return order;
	}
	return (n_a > n_b) - (n_a < n_b);
}

/* Those of the same labels beside one another, those without any first. */
static int compare_hosts(const void *a_at, const void *b_at)
{
	const struct object *a = object_at(a_at);
	const struct object *b = object_at(b_at);
	int order = compare_sets(object_labels(a, HOST_LABELS),
	                         object_labels(b, HOST_LABELS));

	return order ? order : compare_text(a, b, HOST_NAME);
}

static int compare_exporters(const void *a_at, const void *b_at)
{
	const struct object *a = object_at(a_at);
	const struct object *b = object_at(b_at);
	int64_t port_a = object_number(a, EXPORTER_PORT);
	int64_t port_b = object_number(b, EXPORTER_PORT);
	int order = compare_text(a, b, EXPORTER_JOB);

	if (order == 0)
		order = (port_a > port_b) - (port_a < port_b);
	if (order == 0)
		order = compare_text(a, b, EXPORTER_PATH);
	return order ? order : compare_text(a, b, EXPORTER_SCHEME);
}

static int compare_urls(const void *a_at, const void *b_at)
{
	const struct object *a = object_at(a_at);
	const struct object *b = object_at(b_at);
	int order = compare_text(object_ref(a, URL_PROBE),
	                         object_ref(b, URL_PROBE), PROBE_MODULE);

	return order ? order : compare_text(a, b, URL_URL);
}

static int compare_nodes(const void *a_at, const void *b_at)
{
	uint64_t a = object_id(object_at(a_at));
	uint64_t b = object_id(object_at(b_at));

	return (a > b) - (a < b);
}

/* --- targets of a project ------------------------------------------------- */

struct project_work {
	struct arena arena;
	const struct object *project;
	const struct object *farm;
	struct objects hosts; /* sorted */
	struct buf *out;
	uint32_t n_targets;
};

static void put_hint(struct group_labels *labels, const char *name,
                     const struct object *exporter, unsigned field)
{
	const char *hint = object_text(exporter, field);

	if (hint[0])
		labels_put_text(labels, name, hint);
}

static void put_exporter(struct group_labels *labels,
                         const struct object *exporter,
                         const struct exporter_params *params, uint32_t nth)
{
	labels_put_set(labels, object_labels(exporter, EXPORTER_LABELS));
	for (uint32_t i = 0; i < params->n; i++) {
		struct slice name = params->items[i].label;
		struct slice value = exporter_params_value(params, nth, i);

		labels_put_one(labels, name, value);
		if (params->items[i].n_values > 1)
			labels_put_one(labels, slice_skip(name, OWN_PREFIX),
			               value);
	}
	if (params->path.n)
		labels_put_one(labels, slice_from("__metrics_path__"),
		               params->path);
	labels_put_text(labels, "__scheme__",
	                object_text(exporter, EXPORTER_SCHEME));
	put_hint(labels, "__scrape_interval__", exporter,
	         EXPORTER_SCRAPE_INTERVAL);
	put_hint(labels, "__scrape_timeout__", exporter,
	         EXPORTER_SCRAPE_TIMEOUT);
	labels_put_text(labels, "job", object_text(exporter, EXPORTER_JOB));
}

/* Of the hosts from @from on that have the same labels. */
static void write_group(struct project_work *work,
                        const struct object *exporter,
                        const struct exporter_params *params, uint32_t nth,
                        size_t from, size_t to)
{
	struct group_labels labels;
	struct json_writer json;

	labels.n = 0;
	labels_put_project(&labels, work->project);
	labels_put_set(&labels, object_labels(work->farm, FARM_LABELS));
	labels_put_text(&labels, "farm", object_text(work->farm, FARM_NAME));
	labels_put_text(&labels, "__farm_source",
	                object_text(work->farm, FARM_SOURCE));
	if (from < to)
		labels_put_set(&labels, object_labels(work->hosts.items[from],
		                                      HOST_LABELS));
	put_exporter(&labels, exporter, params, nth);

	group_open(&json, work->out);
	group_write_labels(&json, &labels);
	for (size_t i = from; i < to; i++)
		write_target(&json,
		             object_text(work->hosts.items[i], HOST_NAME),
		             object_number(exporter, EXPORTER_PORT));
	group_close(&json);
	work->n_targets += (uint32_t)(to - from);
}

static size_t hosts_alike(const struct objects *hosts, size_t from)
{
	size_t to = from;

	while (to < hosts->n &&
	       compare_sets(object_labels(hosts->items[from], HOST_LABELS),
	                    object_labels(hosts->items[to], HOST_LABELS)) == 0)
		to++;
	return to;
}

static int write_exporter(struct project_work *work,
                          const struct object *exporter)
{
	struct exporter_params params;
	size_t from = 0;

	if (exporter_params(&work->arena, exporter, &params) < 0)
		return -ENOMEM;
	do {
		size_t to = hosts_alike(&work->hosts, from);

		for (uint32_t i = 0;
		     i < params.n_combinations && !work->out->failed; i++)
			write_group(work, exporter, &params, i, from, to);
		from = to;
	} while (from < work->hosts.n && !work->out->failed);
	return work->out->failed;
}

static int write_exporters(struct project_work *work)
{
	struct objects exporters;
	int r = collect(&work->arena, work->project, KIND_EXPORTER,
	                EXPORTER_PROJECT, &exporters);

	if (r == 0)
		r = collect(&work->arena, work->farm, KIND_HOST, HOST_FARM,
		            &work->hosts);
	if (r < 0)
		return r;
	sort(&exporters, compare_exporters);
	sort(&work->hosts, compare_hosts);
	for (size_t i = 0; r == 0 && i < exporters.n; i++) {
		if (object_number(exporters.items[i], EXPORTER_ENABLED))
			r = write_exporter(work, exporters.items[i]);
	}
	return r;
}

int targets_write_project(const struct object *project, struct buf *out,
                          uint32_t *np)
{
	struct project_work work = {
		.project = project,
		.farm = object_child(project, KIND_FARM, FARM_PROJECT, NULL),
		.out = out,
	};
	int r;

	if (!work.farm)
		return 0;
	arena_init(&work.arena);
	r = write_exporters(&work);
	arena_fini(&work.arena);
	*np += work.n_targets;
	return r < 0 ? r : out->failed;
}

/* --- URLs ----------------------------------------------------------------- */

static void write_probe(const struct object *project,
                        const struct objects *urls, size_t from, size_t to,
                        struct buf *out)
{
	const char *module = object_text(
		object_ref(urls->items[from], URL_PROBE), PROBE_MODULE);
	struct group_labels labels;
	struct json_writer json;

	labels.n = 0;
	labels_put_project(&labels, project);
	labels_put_text(&labels, "__param_module", module);
	labels_put_text(&labels, "job", module);
	group_open(&json, out);
	group_write_labels(&json, &labels);
	for (size_t i = from; i < to; i++)
		json_write_string(&json, object_text(urls->items[i], URL_URL));
	group_close(&json);
}

int targets_write_urls(const struct object *project, struct buf *out,
                       uint32_t *np)
{
	struct objects urls;
	struct arena arena;
	int r;

	arena_init(&arena);
	r = collect(&arena, project, KIND_URL, URL_PROJECT, &urls);
	if (r == 0)
		sort(&urls, compare_urls);
	for (size_t from = 0, to; r == 0 && from < urls.n; from = to) {
		const struct object *probe =
			object_ref(urls.items[from], URL_PROBE);

		to = from + 1;
		while (to < urls.n &&
		       object_ref(urls.items[to], URL_PROBE) == probe)
			to++;
		write_probe(project, &urls, from, to, out);
	}
	*np += (uint32_t)urls.n;
	arena_fini(&arena);
	return r < 0 ? r : out->failed;
}

/* --- nodes ---------------------------------------------------------------- */

static int collect_nodes(struct arena *arena, const struct object *shard,
                         struct objects *nodes)
{
	size_t n = 0;
	int r = collect(arena, shard, KIND_NODE, NODE_SHARD, nodes);

	for (size_t i = 0; i < nodes->n; i++) {
		if (!object_number(nodes->items[i], NODE_DELETED))
			nodes->items[n++] = nodes->items[i];
	}
	nodes->n = n;
	sort(nodes, compare_nodes);
	return r;
}

int targets_write_nodes(const struct object *shard, struct buf *out,
                        uint32_t *np)
{
	struct group_labels labels;
	struct json_writer json;
	struct objects nodes;
	struct arena arena;
	int r;

	arena_init(&arena);
	r = collect_nodes(&arena, shard, &nodes);
	if (r == 0 && nodes.n) {
		labels.n = 0;
		labels_put_text(&labels, "__scheme__", "http");
		labels_put_text(&labels, "__shard",
		                object_text(shard, SHARD_NAME));
		labels_put_text(&labels, "job", "node");
		group_open(&json, out);
		group_write_labels(&json, &labels);
		for (size_t i = 0; i < nodes.n; i++)
			write_target(&json,
			             object_text(nodes.items[i], NODE_IP),
			             object_number(nodes.items[i], NODE_PORT));
		group_close(&json);
	}
	*np += (uint32_t)nodes.n;
	arena_fini(&arena);
	return r < 0 ? r : out->failed;
}

int targets_write_node_rows(const struct object *shard, struct buf *out,
                            uint32_t *np)
{
	struct json_writer json;
	struct objects nodes;
	struct arena arena;
	int r;

	arena_init(&arena);
	r = collect_nodes(&arena, shard, &nodes);
	for (size_t i = 0; r == 0 && i < nodes.n; i++) {
		const struct object *node = nodes.items[i];

		group_open(&json, out);
		json_write_key(&json, "id");
		json_write_u64(&json, object_id(node));
		json_write_key(&json, "ip");
		json_write_string(&json, object_text(node, NODE_IP));
		json_write_key(&json, "port");
		json_write_i64(&json, object_number(node, NODE_PORT));
		json_write_object_end(&json);
	}
	*np += (uint32_t)nodes.n;
	arena_fini(&arena);
	return r < 0 ? r : out->failed;
}
