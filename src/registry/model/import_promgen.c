/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/model/import_promgen.h"

#include <errno.h>
#include "registry/model/import_private.h"

/* --- what the parts share ------------------------------------------------- */

char import_first(struct slice text)
{
	size_t at = 0;

	while (at < text.n && strchr(" \t\r\n", text.p[at]))
		at++;
	return at < text.n ? text.p[at] : '\0';
}

int import_named(struct portable *portable, struct portable_item *owner,
                 enum kind kind, struct slice name,
                 struct portable_item **itemp)
{
	struct portable_item *item = portable_item(portable, owner, kind);
	int r = item ? portable_text(portable, item, 0, name) : -ENOMEM;

	*itemp = NULL;
	if (r == 0)
		*itemp = portable_join(portable, item, &r);
	return r;
}

int import_project(struct import *import, struct slice service,
                   struct slice project, struct slice shard,
                   struct portable_item **projectp)
{
	struct portable *portable = import->portable;
	struct portable_item *owner = portable->root;
	struct portable_item *item;
	int r = 0;

	*projectp = NULL;
	if (import->shard)
		shard = slice_from(import->shard);
	if (service.n)
		r = import_named(portable, owner, KIND_SERVICE, service,
		                 &owner);
	if (r == 0)
		r = import_named(portable, owner, KIND_PROJECT, project,
		                 projectp);
	item = *projectp;
	if (r < 0 || !item || !shard.n)
		return r;
	if (item->given & 1u << PROJECT_SHARD) {
		if (slice_is(shard, item->values[PROJECT_SHARD].text))
			return 0;
		return err_set(import->err, -EINVAL,
		               "project " SLICE_FMT
		               " is on two shards, %.64s and " SLICE_FMT,
		               SLICE_ARG(project),
		               item->values[PROJECT_SHARD].text,
		               SLICE_ARG(shard));
	}
	r = portable_text(portable, item, PROJECT_SHARD, shard);
	return r < 0 ? r
	             : import_named(portable, portable->root, KIND_SHARD, shard,
	                            &item);
}

int import_farm(struct import *import, struct portable_item *project,
                struct slice name, struct slice source,
                struct portable_item **farmp)
{
	int r = import_named(import->portable, project, KIND_FARM, name, farmp);

	if (r == 0 && source.n)
		r = portable_text(import->portable, *farmp, FARM_SOURCE,
		                  source);
	return r;
}

int import_url(struct import *import, struct portable_item *project,
               struct slice url, struct slice module)
{
	struct portable *portable = import->portable;
	struct portable_item *item;
	int r = import_named(portable, portable->root, KIND_PROBE, module,
	                     &item);

	if (r < 0)
		return r;
	item = portable_item(portable, project, KIND_URL);
	r = item ? portable_text(portable, item, URL_URL, url) : -ENOMEM;
	if (r == 0)
		r = portable_text(portable, item, URL_PROBE, module);
	if (r == 0)
		(void)portable_join(portable, item, &r);
	return r;
}

int import_labels(struct import *import, struct portable_item *item,
                  unsigned field, const struct label *labels, size_t n)
{
	char title[PORTABLE_TITLE_MAX];
	int r = portable_labels(import->portable, item, field, labels, n,
	                        import->err);

	if (r != -E2BIG)
		return r;
	err_wrap(import->err, "%s", portable_item_title(item, title));
	return -EINVAL;
}

/* --- the document --------------------------------------------------------- */

static int read_dump(struct import *import, const struct json_t *root)
{
	const struct json_t *v2 = json_get(root, "v2");
	const struct json_t *targets = json_get(root, "targets");
	const struct json_t *urls = json_get(root, "urls");
	struct slice rules = json_as_text(json_get(root, "rules"));
	int r = 0;

	if (!v2 && !targets && !urls && !rules.p)
		return err_set(import->err, -EINVAL,
		               "this is nothing that Promgen exports: it has "
		               "neither targets, urls, rules nor v2");
	if (v2)
		r = import_v2(import, v2);
	import->only_hosts = json_count(json_get(v2, "exporters")) > 0;
	if (r == 0 && !json_is_missing(targets)) {
		r = import_groups(import, targets);
		if (r == -EINVAL)
			err_wrap(import->err, "targets");
	}
	if (r == 0 && !json_is_missing(urls)) {
		r = import_groups(import, urls);
		if (r == -EINVAL)
			err_wrap(import->err, "urls");
	}
	if (r == 0 && rules.n && json_count(json_get(v2, "rules")) == 0)
		r = import_rules(import, rules);
	return r;
}

/* Notes that are cut off say so. */
static void end_notes(struct buf *notes)
{
	static const char more[] = "and more is left out\n";

	if (notes->failed != -E2BIG)
		return;
	notes->failed = 0;
	while (notes->n > 0 && (notes->max - notes->n < strlen(more) ||
	                        notes->p[notes->n - 1] != '\n'))
		notes->n--;
	(void)buf_puts(notes, more);
}

static int read_json(struct import *import, struct slice text)
{
	struct json_t *root;
	int r = json_parse(text, &root, import->err);

	if (r < 0)
		return r;
	r = json_is_map(root) ? read_dump(import, root)
	                      : import_groups(import, root);
	json_free(root);
	return r;
}

int import_promgen(struct portable *portable, struct slice text,
                   const char *shard, struct buf *notes, struct err *err)
{
	struct import import = {
		.portable = portable, .shard = shard, .notes = notes, .err = err
	};
	char first = import_first(text);
	int r;

	map_init(&import.exporters, 0);
	map_init(&import.hosts, 0);
	if (!first)
		r = err_set(err, -EINVAL, "there is nothing in it");
	else if (first == '[' || first == '{')
		r = read_json(&import, text);
	else
		r = import_rules(&import, text);
	map_fini(&import.exporters);
	map_fini(&import.hosts);
	arena_fini(&import.memory);
	end_notes(notes);
	if (r == -E2BIG && err)
		(void)err_set(err, r, "it describes too much");
	return r == 0 && notes->failed == -ENOMEM ? -ENOMEM : r;
}
