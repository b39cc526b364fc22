/* SPDX-License-Identifier: Apache-2.0 */
#include "core/selector.h"

#include <string.h>
#include "base/slice.h"
#include "base/text.h"

#define SWARM_TASK    "com.docker.swarm.task.id"
#define OPT_OUT_FALSE "=false"
#define SHORT_ID      12 /* what people and host names have of an id */

/* --- patterns --------------------------------------------------------------- */

static size_t character(const char *text)
{
	size_t n = text_utf8_length(slice_make(text, strnlen(text, 4)));

	return n ? n : 1;
}

/* Only the last `*` is ever tried again: what an earlier one took too little
 * of, the last one takes instead. */
bool selector_glob(const char *pattern, const char *text)
{
	const char *star = NULL;
	const char *retry = NULL;

	while (*text) {
		if (*pattern == '*') {
			star = ++pattern;
			retry = text;
		} else if (*pattern == '?') {
			pattern++;
			text += character(text);
		} else if (*pattern == *text) {
			pattern++;
			text++;
		} else if (star) {
			retry += character(retry);
			pattern = star;
			text = retry;
		} else {
			return false;
		}
	}
	while (*pattern == '*')
		pattern++;
	return !*pattern;
}

int selector_bool(const char *text)
{
	static const char *const truths[] = {
		"1", "true", "yes", "on", "y", "t"
	};
	static const char *const lies[] = {
		"0", "false", "no", "off", "n", "f"
	};
	struct slice word = slice_trim(slice_from(text));

	for (size_t i = 0; i < ARRAY_SIZE(truths); i++)
		if (slice_is_nocase(word, truths[i]))
			return 1;
	for (size_t i = 0; i < ARRAY_SIZE(lies); i++)
		if (slice_is_nocase(word, lies[i]))
			return 0;
	return -1;
}

/* --- conditions ------------------------------------------------------------- */

static bool any_glob(const struct selector_patterns *patterns, const char *text)
{
	for (size_t i = 0; text && i < patterns->n; i++)
		if (selector_glob(patterns->patterns[i], text))
			return true;
	return false;
}

static bool any_prefix(const struct selector_patterns *prefixes,
                       const char *text)
{
	for (size_t i = 0; text && i < prefixes->n; i++)
		if (slice_starts(slice_from(text), prefixes->patterns[i]))
			return true;
	return false;
}

static bool has_label(const struct container *container,
                      const struct selector_label *label)
{
	const char *value = container_label(container, label->name);

	if (!value)
		return false;
	if (label->truth)
		return selector_bool(value) == 1;
	return !label->value || selector_glob(label->value, value);
}

static bool has_labels(const struct container *container,
                       const struct selector_label *labels, size_t n_labels)
{
	for (size_t i = 0; i < n_labels; i++)
		if (!has_label(container, &labels[i]))
			return false;
	return true;
}

static bool has_any_label(const struct container *container,
                          const struct selector_label *labels, size_t n_labels)
{
	for (size_t i = 0; i < n_labels; i++)
		if (has_label(container, &labels[i]))
			return true;
	return false;
}

/* Of compose, else the engine's own. */
static const char *project_of(const struct container *container)
{
	const char *project =
		container_label(container, CONTAINER_COMPOSE_PROJECT);

	if (project)
		return project;
	return container->project && container->project[0] ? container->project
	                                                   : NULL;
}

/* The first kind that does not hold, in words; NULL: all do. */
static const char *unmet(const struct selector_conditions *conditions,
                         const struct container *container)
{
	if (!has_labels(container, conditions->labels, conditions->n_labels))
		return "it has not the labels that are asked for";
	if (conditions->names.n &&
	    !any_glob(&conditions->names, container->name))
		return "its name is none of those asked for";
	if (conditions->prefixes.n &&
	    !any_prefix(&conditions->prefixes, container->name))
		return "its name begins otherwise";
	if (conditions->images.n &&
	    !any_glob(&conditions->images, container->image))
		return "its image is none of those asked for";
	if (conditions->projects.n &&
	    !any_glob(&conditions->projects, project_of(container)))
		return "it is of another project";
	if (conditions->services.n &&
	    !any_glob(&conditions->services,
	              container_label(container, CONTAINER_COMPOSE_SERVICE)))
		return "it is of another service";
	return NULL;
}

static bool has_conditions(const struct selector_conditions *conditions)
{
	return conditions->n_labels || conditions->names.n ||
	       conditions->prefixes.n || conditions->images.n ||
	       conditions->projects.n || conditions->services.n;
}

/* --- who is left alone -------------------------------------------------------- */

bool selector_same_id(const char *a, const char *b)
{
	size_t n_a = a ? strlen(a) : 0;
	size_t n_b = b ? strlen(b) : 0;
	size_t n = MIN(n_a, n_b);

	if (!n || (n_a != n_b && n < SHORT_ID))
		return false;
	return memcmp(a, b, n) == 0;
}

/* @name: of one label, perhaps with "=false" at its end: then a false value is
 * what opts out. */
static bool opts_out_by(struct slice name, const struct container *container)
{
	size_t n_false = strlen(OPT_OUT_FALSE);
	int wanted = 1;

	if (name.n > n_false &&
	    slice_is(slice_skip(name, name.n - n_false), OPT_OUT_FALSE)) {
		name.n -= n_false;
		wanted = 0;
	}
	for (size_t i = 0; name.n && i < container->n_labels; i++)
		if (slice_is(name, container->labels[i].name))
			return selector_bool(container->labels[i].value) ==
			       wanted;
	return false;
}

static bool opts_out(const char *opt_out, const struct container *container)
{
	struct slice rest = slice_from(opt_out);
	struct slice name;

	while (slice_next(&rest, ',', &name)) {
		if (opts_out_by(slice_trim(name), container))
			return true;
	}
	return false;
}

bool selector_opts_out(const struct selector *selector,
                       const struct container *container)
{
	return selector->opt_out && opts_out(selector->opt_out, container);
}

static const char *left_alone(const struct selector *selector,
                              const struct container *container,
                              const char *self_id)
{
	unsigned include = selector->include;

	if (!(include & SELECTOR_SELF) &&
	    selector_same_id(container->id, self_id))
		return "it is the bouncer's own container";
	if (!(include & SELECTOR_SWARM) &&
	    container_label(container, SWARM_TASK))
		return "it is a task of a swarm, which replaces it by itself";
	if (!(include & SELECTOR_AUTO_REMOVE) && container->auto_remove)
		return "it is removed when it stops";
	if (!(include & SELECTOR_OWN_ACTION) && container->own_action)
		return "its engine acts on its health by itself";
	return NULL;
}

const char *selector_match(const struct selector *selector,
                           const struct container *container,
                           const char *self_id)
{
	const char *why = unmet(&selector->select, container);

	if (why)
		return why;
	if (selector->n_any_of &&
	    !has_any_label(container, selector->any_of, selector->n_any_of))
		return "it has none of the labels of which one is asked for";
	if (selector_opts_out(selector, container))
		return "it opts out by its label";
	if (has_conditions(&selector->exclude) &&
	    !unmet(&selector->exclude, container))
		return "it is excluded";
	return left_alone(selector, container, self_id);
}

/* --- comparison --------------------------------------------------------------- */

static bool labels_equal(const struct selector_label *a, size_t n_a,
                         const struct selector_label *b, size_t n_b)
{
	if (n_a != n_b)
		return false;
	for (size_t i = 0; i < n_a; i++)
		if (!text_equal(a[i].name, b[i].name) ||
		    !text_equal(a[i].value, b[i].value) ||
		    a[i].truth != b[i].truth)
			return false;
	return true;
}

static bool patterns_equal(const struct selector_patterns *a,
                           const struct selector_patterns *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (!text_equal(a->patterns[i], b->patterns[i]))
			return false;
	return true;
}

static bool conditions_equal(const struct selector_conditions *a,
                             const struct selector_conditions *b)
{
	return labels_equal(a->labels, a->n_labels, b->labels, b->n_labels) &&
	       patterns_equal(&a->names, &b->names) &&
	       patterns_equal(&a->prefixes, &b->prefixes) &&
	       patterns_equal(&a->images, &b->images) &&
	       patterns_equal(&a->projects, &b->projects) &&
	       patterns_equal(&a->services, &b->services);
}

bool selector_equal(const struct selector *a, const struct selector *b)
{
	return conditions_equal(&a->select, &b->select) &&
	       conditions_equal(&a->exclude, &b->exclude) &&
	       labels_equal(a->any_of, a->n_any_of, b->any_of, b->n_any_of) &&
	       text_equal(a->opt_out, b->opt_out) && a->include == b->include;
}
