/* SPDX-License-Identifier: Apache-2.0 */
/* The part of import_promgen.h that reads groups of targets, and of URLs. */
#include "registry/model/import_private.h"

#include <errno.h>
#include <stdlib.h>
#include "base/number.h"
#include "base/text.h"

#define MAX_LABELS 64 /* of a group */
#define MAX_PATH   4096
#define HOSTS_MIN  4 /* of a group that there is room for at first */

/* What stands in the labels of a group. */
struct group {
	struct slice service, project, farm, job, shard, source;
	struct slice path, scheme, interval, timeout, module;
	struct label extra[MAX_LABELS]; /* of people's own, by name */
	size_t n_extra;
	struct label params[MAX_LABELS];
	size_t n_params;
	bool several; /* it is one of several: it says so by labels */
};

struct labels {
	struct label *items;
	size_t n;
};

/* Hosts of one group of an exporter; of many there are several. */
struct hosts {
	struct hosts *next;
	struct labels labels; /* of the group */
	size_t n, cap;
	struct portable_item *items[];
};

struct import_exporter {
	struct import_exporter *next;
	struct portable_item *item;
	struct labels params;
	bool several;
	struct hosts *first, *last;
};

struct import_host {
	struct portable_item *item;
	struct label items[LABEL_SET_MAX];
	size_t n;
};

static struct slice key_of(struct portable_item *const *item)
{
	return slice_make((const char *)item, sizeof(*item));
}

/* --- labels --------------------------------------------------------------- */

static int compare_labels(const void *left, const void *right)
{
	const struct label *a = left;
	const struct label *b = right;
	int order = slice_compare(a->name, b->name);

	return order ? order : slice_compare(a->value, b->value);
}

static int add_label(struct import *import, struct label *labels, size_t *np,
                     struct slice name, struct slice value)
{
	if (*np == MAX_LABELS)
		return err_set(import->err, -EINVAL, "has more than %d labels",
		               MAX_LABELS);
	labels[(*np)++] = (struct label){ name, value };
	return 0;
}

/* One of those that we know; NULL: it is none. */
static struct slice *known_label(struct group *group, struct slice name)
{
	const struct {
		const char *name;
		struct slice *to;
	} known[] = {
		{ "service", &group->service },
		{ "project", &group->project },
		{ "farm", &group->farm },
		{ "job", &group->job },
		{ "__shard", &group->shard },
		{ "__farm_source", &group->source },
		{ "__metrics_path__", &group->path },
		{ "__scheme__", &group->scheme },
		{ "__scrape_interval__", &group->interval },
		{ "__scrape_timeout__", &group->timeout },
		{ "__param_module", &group->module },
	};

	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		if (slice_is(name, known[i].name))
			return known[i].to;
	}
	return NULL;
}

static int read_label(struct import *import, struct group *group,
                      struct slice name, struct slice value)
{
	struct slice *known = known_label(group, name);

	if (known)
		*known = value;
	if (slice_starts(name, "__param_"))
		return add_label(import, group->params, &group->n_params,
		                 slice_skip(name, strlen("__param_")), value);
	if (known)
		return 0;
	if (slice_starts(name, "__"))
		return err_set(import->err, -EINVAL,
		               "has the label " SLICE_FMT
		               ", which the registry cannot keep",
		               SLICE_ARG(name));
	return add_label(import, group->extra, &group->n_extra, name, value);
}

/* Parameters of several values stand there as labels, too. */
static void drop_param_labels(struct group *group)
{
	size_t n = 0;

	for (size_t i = 0; i < group->n_extra; i++) {
		struct label *label = &group->extra[i];
		bool param = false;

		for (size_t k = 0; k < group->n_params; k++) {
			struct slice name = group->params[k].name;

			param = param ||
			        (slice_starts(label->name, "param_") &&
			         slice_equal(slice_skip(label->name,
			                                strlen("param_")),
			                     name) &&
			         slice_equal(label->value,
			                     group->params[k].value));
		}
		if (param)
			group->several = true;
		else
			group->extra[n++] = *label;
	}
	group->n_extra = n;
}

static int read_group(struct import *import, const struct json_t *json,
                      struct group *group)
{
	const struct json_t *labels = json_get(json, "labels");
	struct json_member member = { 0 };
	int r = 0;

	*group = (struct group){ 0 };
	while (r == 0 && json_next_member(labels, &member)) {
		struct slice value = json_as_text(member.value);

		if (!value.p)
			return err_set(import->err, -EINVAL,
			               "its label %.64s is no text",
			               member.name);
		r = read_label(import, group, slice_from(member.name), value);
	}
	drop_param_labels(group);
	qsort(group->extra, group->n_extra, sizeof(group->extra[0]),
	      compare_labels);
	qsort(group->params, group->n_params, sizeof(group->params[0]),
	      compare_labels);
	return r;
}

/* --- exporters ------------------------------------------------------------ */

static int labels_copy(struct import *import, struct labels *out,
                       const struct label *labels, size_t n)
{
	out->n = n;
	out->items = arena_calloc(&import->memory, n + 1, sizeof(*out->items));
	if (!out->items)
		return -ENOMEM;
	if (n)
		memcpy(out->items, labels, n * sizeof(*labels));
	return 0;
}

static bool labels_have(const struct labels *labels, const struct label *label)
{
	for (size_t i = 0; i < labels->n; i++) {
		if (slice_equal(labels->items[i].name, label->name) &&
		    slice_equal(labels->items[i].value, label->value))
			return true;
	}
	return false;
}

static bool labels_same(const struct labels *a, const struct label *labels,
                        size_t n)
{
	if (a->n != n)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (!labels_have(a, &labels[i]))
			return false;
	}
	return true;
}

static int labels_join(struct import *import, struct labels *a,
                       const struct label *labels, size_t n)
{
	struct label *items;
	size_t n_new = 0;

	for (size_t i = 0; i < n; i++)
		n_new += !labels_have(a, &labels[i]);
	if (n_new == 0)
		return 0;
	if (a->n + n_new > LABEL_SET_MAX)
		return err_set(import->err, -EINVAL,
		               "has more than %d values of parameters",
		               LABEL_SET_MAX);
	items = arena_calloc(&import->memory, a->n + n_new, sizeof(*items));
	if (!items)
		return -ENOMEM;
	memcpy(items, a->items, a->n * sizeof(*items));
	a->items = items;
	for (size_t i = 0; i < n; i++) {
		if (!labels_have(a, &labels[i]))
			a->items[a->n++] = labels[i];
	}
	return 0;
}

/* Promgen keeps the parameters in the path. */
static int print_path(const struct group *group, struct buf *path)
{
	(void)buf_append(path, group->path.p, group->path.n);
	if (!group->path.n)
		(void)buf_puts(path, "/metrics");
	for (size_t i = 0; i < group->n_params; i++) {
		(void)buf_putc(path, i ? '&' : '?');
		text_escape_url(path, group->params[i].name);
		(void)buf_putc(path, '=');
		text_escape_url(path, group->params[i].value);
	}
	return path->failed;
}

static int set_text(struct import *import, struct portable_item *item,
                    unsigned field, struct slice text)
{
	return text.n ? portable_text(import->portable, item, field, text) : 0;
}

static int join_exporter(struct import *import, struct portable_item *project,
                         const struct group *group, int64_t port,
                         struct slice path, struct import_exporter **exporterp)
{
	struct portable_item *item =
		portable_item(import->portable, project, KIND_EXPORTER);
	struct import_exporter *exporter;
	int r = item ? 0 : -ENOMEM;

	if (r == 0)
		r = set_text(import, item, EXPORTER_JOB, group->job);
	if (r == 0)
		r = set_text(import, item, EXPORTER_PATH, path);
	if (r == 0)
		r = set_text(import, item, EXPORTER_SCHEME, group->scheme);
	if (r == 0)
		r = set_text(import, item, EXPORTER_SCRAPE_INTERVAL,
		             group->interval);
	if (r == 0)
		r = set_text(import, item, EXPORTER_SCRAPE_TIMEOUT,
		             group->timeout);
	if (r < 0)
		return r;
	portable_number(item, EXPORTER_PORT, port);
	item = portable_join(import->portable, item, &r);
	if (!item)
		return r;
	*exporterp = map_get(&import->exporters, key_of(&item));
	if (*exporterp)
		return 0;
	exporter = arena_alloc(&import->memory, sizeof(*exporter));
	if (!exporter)
		return -ENOMEM;
	exporter->item = item;
	exporter->next = import->first_exporter;
	import->first_exporter = exporter;
	exporter->several = group->several;
	*exporterp = exporter;
	r = map_set(&import->exporters, key_of(&exporter->item), exporter);
	return r < 0 ? r
	             : labels_copy(import, &exporter->params, group->params,
	                           group->n_params);
}

/* The exporter that a group is of; with other parameters it is another one,
 * unless they are told to be several values. */
static int find_exporter(struct import *import, struct portable_item *project,
                         const struct group *group, int64_t port,
                         struct import_exporter **exporterp)
{
	struct buf path;
	int r = join_exporter(import, project, group, port, group->path,
	                      exporterp);

	if (r < 0 ||
	    labels_same(&(*exporterp)->params, group->params, group->n_params))
		return r;
	if (group->several && (*exporterp)->several)
		return labels_join(import, &(*exporterp)->params, group->params,
		                   group->n_params);
	buf_init(&path, MAX_PATH);
	r = print_path(group, &path);
	if (r == -E2BIG)
		r = err_set(import->err, -EINVAL,
		            "its parameters are too long");
	if (r == 0)
		r = join_exporter(import, project, group, port,
		                  buf_slice(&path), exporterp);
	if (r == 0)
		(*exporterp)->params.n = 0;
	buf_fini(&path);
	return r;
}

/* @labels: those of its group, the one copy of them */
static int add_host(struct import *import, struct import_exporter *exporter,
                    const struct labels *labels, struct portable_item *item)
{
	struct hosts *hosts = exporter->last;
	bool same = hosts && hosts->labels.items == labels->items;
	size_t cap = same ? 2 * hosts->cap : HOSTS_MIN;

	if (!same || hosts->n == hosts->cap) {
		hosts = arena_alloc(&import->memory,
		                    sizeof(*hosts) +
		                            cap * sizeof(hosts->items[0]));
		if (!hosts)
			return -ENOMEM;
		hosts->labels = *labels;
		hosts->cap = cap;
		if (exporter->last)
			exporter->last->next = hosts;
		else
			exporter->first = hosts;
		exporter->last = hosts;
	}
	hosts->items[hosts->n++] = item;
	return 0;
}

/* --- targets -------------------------------------------------------------- */

/* "web-1:9100", "[::1]:9100" */
static int split_target(struct import *import, struct slice target,
                        struct slice *host, int64_t *portp)
{
	const char *colon = target.n ? memrchr(target.p, ':', target.n) : NULL;
	struct slice port = { 0 };

	*host = target;
	if (colon) {
		host->n = (size_t)(colon - target.p);
		port = slice_skip(target, host->n + 1);
	}
	if (!colon || number_parse_i64(port, portp) < 0 || *portp < 1 ||
	    *portp > 65535)
		return err_set(import->err, -EINVAL,
		               "its target \"" SLICE_FMT
		               "\" has no port; write it as HOST:PORT",
		               SLICE_ARG(text_cut(target, 80)));
	if (host->n >= 2 && host->p[0] == '[' && host->p[host->n - 1] == ']')
		*host = slice_make(host->p + 1, host->n - 2);
	else if (memchr(host->p, ':', host->n))
		return err_set(import->err, -EINVAL,
		               "its target \"" SLICE_FMT
		               "\" is IPv6 without brackets; write it as "
		               "[ADDRESS]:PORT",
		               SLICE_ARG(text_cut(target, 80)));
	return 0;
}

static int read_targets(struct import *import, const struct json_t *targets,
                        const struct group *group,
                        struct portable_item *project,
                        struct portable_item *farm)
{
	struct import_exporter *exporter = NULL;
	struct labels labels;
	int64_t last = -1;
	int r = labels_copy(import, &labels, group->extra, group->n_extra);

	for (size_t i = 0; r == 0 && i < json_count(targets); i++) {
		struct portable_item *item = NULL;
		struct slice host;
		int64_t port = 0;

		r = split_target(import, json_as_text(json_item(targets, i)),
		                 &host, &port);
		if (r == 0)
			r = import_named(import->portable, farm, KIND_HOST,
			                 host, &item);
		if (r < 0 || import->only_hosts)
			continue;
		if (port != last)
			r = find_exporter(import, project, group, port,
			                  &exporter);
		last = port;
		if (r == 0)
			r = add_host(import, exporter, &labels, item);
	}
	return r;
}

static int need(struct import *import, struct slice value, const char *label)
{
	return value.n ? 0
	               : err_set(import->err, -EINVAL, "has no label %s",
	                         label);
}

static int read_farm(struct import *import, const struct json_t *targets,
                     const struct group *group)
{
	struct portable_item *project = NULL, *farm = NULL;
	int r = need(import, group->service, "service");

	if (r == 0)
		r = need(import, group->project, "project");
	if (r == 0)
		r = need(import, group->farm, "farm");
	if (r == 0)
		r = need(import, group->job, "job");
	if (r == 0)
		r = import_project(import, group->service, group->project,
		                   group->shard, &project);
	if (r == 0)
		r = import_farm(import, project, group->farm, group->source,
		                &farm);
	if (r == 0 && json_count(targets) == 0 && !import->only_hosts)
		(void)buf_printf(
			import->notes,
			"left out: exporter " SLICE_FMT " of project " SLICE_FMT
			": it has no targets, so its port is not "
			"known\n",
			SLICE_ARG(group->job), SLICE_ARG(group->project));
	return r < 0 ? r : read_targets(import, targets, group, project, farm);
}

static int read_urls(struct import *import, const struct json_t *targets,
                     const struct group *group)
{
	struct portable_item *project = NULL;
	int r = need(import, group->service, "service");

	if (r == 0)
		r = need(import, group->project, "project");
	if (r == 0)
		r = import_project(import, group->service, group->project,
		                   group->shard, &project);
	/* a URL has no labels of its own: they are its project's */
	if (r == 0 && !(project->given & 1u << PROJECT_LABELS))
		r = import_labels(import, project, PROJECT_LABELS, group->extra,
		                  group->n_extra);
	for (size_t i = 0; r == 0 && i < json_count(targets); i++)
		r = import_url(import, project,
		               json_as_text(json_item(targets, i)),
		               group->module);
	return r;
}

/* prommgr's, as we hand them out. */
static int read_nodes(struct import *import, const struct json_t *targets,
                      const struct group *group)
{
	struct slice shard =
		import->shard ? slice_from(import->shard) : group->shard;
	struct portable *portable = import->portable;
	struct portable_item *item;
	int r = 0;

	if (shard.n)
		r = import_named(portable, portable->root, KIND_SHARD, shard,
		                 &item);
	for (size_t i = 0; r == 0 && i < json_count(targets); i++) {
		struct slice host;
		int64_t port = 0;

		r = split_target(import, json_as_text(json_item(targets, i)),
		                 &host, &port);
		if (r == 0)
			r = import_named(portable, portable->root, KIND_NODE,
			                 host, &item);
		if (r == 0 && shard.n)
			r = portable_text(portable, item, NODE_SHARD, shard);
		if (r == 0)
			portable_number(item, NODE_PORT, port);
	}
	return r;
}

static int read_one(struct import *import, const struct json_t *json)
{
	const struct json_t *targets = json_get(json, "targets");
	struct group group;
	int r = read_group(import, json, &group);

	if (r < 0)
		return r;
	if (!json_is_map(json) || !targets)
		return err_set(import->err, -EINVAL, "has no list of targets");
	if (group.module.n && !group.farm.n)
		return read_urls(import, targets, &group);
	if (slice_is(group.job, "node") && !group.farm.n && !group.project.n &&
	    !group.service.n)
		return read_nodes(import, targets, &group);
	return read_farm(import, targets, &group);
}

/* --- whose labels they are ------------------------------------------------ */

static bool all_have(const struct import_exporter *exporter,
                     const struct label *label)
{
	for (struct hosts *hosts = exporter->first; hosts;
	     hosts = hosts->next) {
		if (!labels_have(&hosts->labels, label))
			return false;
	}
	return true;
}

static int host_label(struct import *import, struct portable_item *item,
                      const struct label *label)
{
	struct import_host *host = map_get(&import->hosts, key_of(&item));
	int r;

	if (!host) {
		host = arena_alloc(&import->memory, sizeof(*host));
		if (!host)
			return -ENOMEM;
		host->item = item;
		r = map_set(&import->hosts, key_of(&host->item), host);
		if (r < 0)
			return r;
	}
	for (size_t i = 0; i < host->n; i++) {
		if (!slice_equal(host->items[i].name, label->name))
			continue;
		if (slice_equal(host->items[i].value, label->value))
			return 0;
		return err_set(import->err, -EINVAL,
		               "host %.64s has the label " SLICE_FMT
		               " with two values, as exporters differ; a host "
		               "has one",
		               item->values[HOST_NAME].text,
		               SLICE_ARG(label->name));
	}
	if (host->n == LABEL_SET_MAX)
		return err_set(import->err, -EINVAL,
		               "host %.64s has more than %d labels",
		               item->values[HOST_NAME].text, LABEL_SET_MAX);
	host->items[host->n++] = *label;
	return 0;
}

static int exporter_labels(struct import *import,
                           struct import_exporter *exporter)
{
	struct label common[MAX_LABELS];
	size_t n = 0;
	int r = 0;

	for (size_t i = 0;
	     exporter->first && i < exporter->first->labels.n && n < MAX_LABELS;
	     i++) {
		struct label *label = &exporter->first->labels.items[i];

		if (all_have(exporter, label))
			common[n++] = *label;
	}
	for (struct hosts *hosts = exporter->first; hosts;
	     hosts = hosts->next) {
		for (size_t i = 0; i < hosts->labels.n; i++) {
			struct label *label = &hosts->labels.items[i];
			struct labels set = { common, n };
			bool is_common = labels_have(&set, label);

			for (size_t k = 0; r == 0 && k < hosts->n && !is_common;
			     k++)
				r = host_label(import, hosts->items[k], label);
		}
	}
	if (r == 0)
		r = import_labels(import, exporter->item, EXPORTER_LABELS,
		                  common, n);
	if (r == 0)
		r = import_labels(import, exporter->item, EXPORTER_PARAMS,
		                  exporter->params.items, exporter->params.n);
	return r;
}

static int assign_labels(struct import *import)
{
	int r = 0;

	for (struct import_exporter *exporter = import->first_exporter;
	     exporter && r == 0; exporter = exporter->next)
		r = exporter_labels(import, exporter);
	import->first_exporter = NULL;
	MAP_FOR_EACH (entry, &import->hosts) {
		struct import_host *host = entry->value;

		if (r == 0)
			r = import_labels(import, host->item, HOST_LABELS,
			                  host->items, host->n);
	}
	return r;
}

int import_groups(struct import *import, const struct json_t *groups)
{
	int r = 0;

	if (!json_is_list(groups))
		return err_set(import->err, -EINVAL,
		               "must be a list of groups");
	for (size_t i = 0; r == 0 && i < json_count(groups); i++) {
		r = read_one(import, json_item(groups, i));
		if (r == -EINVAL)
			err_wrap(import->err, "group %zu", i + 1);
	}
	return r < 0 ? r : assign_labels(import);
}
