/* SPDX-License-Identifier: Apache-2.0 */
/* Which containers a monitor covers. */
#include "config/resolve.h"

#include <errno.h>
#include "base/text.h"

/* --- labels ---------------------------------------------------------------- */

/* "k", "k=v", "k?". The place of the text is @at. */
static void read_label(struct resolve *resolve, const struct place *at,
                       const char *text, struct selector_label *label)
{
	struct slice whole = slice_from(text);
	const char *equals = strchr(text, '=');
	struct slice name =
		equals ? slice_make(text, (size_t)(equals - text)) : whole;
	char *kept;

	label->truth = !equals && name.n > 0 && name.p[name.n - 1] == '?';
	if (label->truth)
		name.n--;
	if (name.n == 0 || !text_is_printable(whole))
		problem_value(resolve->problems, at, whole,
		              "is not a label; write NAME, NAME=VALUE, or "
		              "NAME? for any true value");
	kept = arena_copy(resolve->memory, name);
	if (!kept)
		resolve->failed = -ENOMEM;
	label->name = kept;
	label->value = equals ? resolve_text(resolve, equals + 1) : NULL;
}

static const struct selector_label *read_labels(struct resolve *resolve,
                                                const struct reader *reader,
                                                const char *key,
                                                const char *const *texts,
                                                unsigned n, size_t *np)
{
	struct place list = reader_place(reader, key);
	struct selector_label *labels;

	if (n == 0)
		return NULL;
	labels = arena_calloc(resolve->memory, n, sizeof(*labels));
	if (!labels) {
		resolve->failed = -ENOMEM;
		return NULL;
	}
	for (unsigned i = 0; i < n && resolve->failed == 0; i++) {
		struct place at = { .up = &list, .index = i };

		if (!place_left_out(&at))
			read_label(resolve, &at, texts[i], &labels[i]);
	}
	*np = n;
	return labels;
}

/* --- patterns -------------------------------------------------------------- */

static struct selector_patterns read_patterns(struct resolve *resolve,
                                              const struct reader *reader,
                                              const char *key,
                                              const char *const *texts,
                                              unsigned n)
{
	struct place list = reader_place(reader, key);
	struct selector_patterns patterns = { 0 };

	patterns.patterns = resolve_list(resolve, texts, n);
	if (!patterns.patterns)
		return patterns;
	patterns.n = n;
	for (unsigned i = 0; i < n; i++) {
		struct place at = { .up = &list, .index = i };
		struct slice text = slice_from(texts[i]);

		if (place_left_out(&at))
			continue;
		if (text.n == 0)
			problem_at(resolve->problems, &at,
			           "is empty and matches nothing; remove it, "
			           "or write \"*\" for everything");
		else if (!text_is_printable(text))
			problem_value(resolve->problems, &at, text,
			              "contains control characters");
	}
	return patterns;
}

static void read_conditions(struct resolve *resolve,
                            const struct reader *reader,
                            const struct raw_conditions *raw,
                            struct selector_conditions *conditions)
{
	conditions->labels = read_labels(resolve, reader, "label", raw->label,
	                                 raw->n_label, &conditions->n_labels);
	conditions->names =
		read_patterns(resolve, reader, "name", raw->name, raw->n_name);
	conditions->prefixes = read_patterns(resolve, reader, "prefix",
	                                     raw->prefix, raw->n_prefix);
	conditions->images = read_patterns(resolve, reader, "image", raw->image,
	                                   raw->n_image);
	conditions->projects = read_patterns(resolve, reader, "project",
	                                     raw->project, raw->n_project);
	conditions->services = read_patterns(resolve, reader, "service",
	                                     raw->service, raw->n_service);
}

/* --- the whole ------------------------------------------------------------- */

static void read_include(struct resolve *resolve, const struct reader *reader,
                         const struct raw_containers *raw, unsigned *includep)
{
	static const char *const words[] = { "self", "swarm", "auto_remove",
		                             "own_action" };
	struct place list = reader_place(reader, "include");

	for (unsigned i = 0; i < raw->n_include; i++) {
		struct place at = { .up = &list, .index = i };
		struct reader item = { .problems = resolve->problems,
			               .place = &at };
		unsigned bit = 0;

		if (place_left_out(&at))
			continue;
		if (read_word(&item, NULL, raw->include[i], words,
		              ARRAY_SIZE(words), &bit))
			*includep |= 1u << bit;
	}
}

void resolve_selector(struct resolve *resolve, const struct reader *reader,
                      const struct raw_containers *raw,
                      struct selector *selector)
{
	struct place select = reader_place(reader, "select");
	struct place exclude = reader_place(reader, "exclude");
	struct reader inside = { .problems = resolve->problems,
		                 .place = &select };

	read_conditions(resolve, &inside, &raw->select, &selector->select);
	selector->any_of = read_labels(
		resolve, &inside, "any_label", raw->select.any_label,
		raw->select.n_any_label, &selector->n_any_of);
	inside.place = &exclude;
	read_conditions(resolve, &inside, &raw->exclude, &selector->exclude);
	read_include(resolve, reader, raw, &selector->include);
}
