/* SPDX-License-Identifier: Apache-2.0 */
#include "config/resolve.h"

#include <errno.h>

const char *resolve_text(struct resolve *resolve, const char *text)
{
	struct slice key = slice_from(text);
	char *kept;

	if (!text)
		return NULL;
	kept = map_get(&resolve->strings, key);
	if (kept)
		return kept;
	kept = arena_copy(resolve->memory, key);
	if (!kept ||
	    map_set(&resolve->strings, slice_make(kept, key.n), kept) < 0) {
		resolve->failed = -ENOMEM;
		return NULL;
	}
	return kept;
}

const char *const *resolve_list(struct resolve *resolve,
                                const char *const *texts, unsigned n)
{
	const char **list;

	if (n == 0)
		return NULL;
	list = arena_calloc(resolve->memory, n + 1, sizeof(*list));
	if (!list) {
		resolve->failed = -ENOMEM;
		return NULL;
	}
	for (unsigned i = 0; i < n; i++)
		list[i] = resolve_text(resolve, texts[i]);
	return list;
}

const char *const *resolve_command(struct resolve *resolve,
                                   const struct reader *reader, const char *key,
                                   const char *const *words, unsigned n)
{
	struct place list = reader_place(reader, key);
	struct place first = { .up = &list };

	if (!place_find(&list))
		problem_at(resolve->problems, &list, "is missing");
	else if (n == 0 && !place_reported(&list))
		problem_at(resolve->problems, &list,
		           "is empty; name a program");
	else if (n > 0 && words[0][0] == '\0' && !place_left_out(&first))
		problem_at(resolve->problems, &first,
		           "is empty; name a program");
	return resolve_list(resolve, words, n);
}

const char *resolve_file(struct resolve *resolve, const struct reader *reader,
                         const char *key, const char *text)
{
	if (text && text[0] == '\0')
		reader_problem(reader, key, "is empty; name a file");
	return resolve_text(resolve, text);
}

/* Two of one name could not be told apart in log, metrics and state. */
static void check_name(struct resolve *resolve, const struct place *place,
                       struct config_monitor *monitor)
{
	struct place at = { .up = place, .key = "name" };
	struct slice name = slice_from(monitor->name);
	const struct config_monitor *other;

	if (!monitor->name)
		return;
	other = map_get(&resolve->names, name);
	if (other)
		problem_value(resolve->problems, &at, name,
		              "is the name of monitors[%zu] already",
		              (size_t)(other - resolve->monitors));
	else if (map_set(&resolve->names, name, monitor) < 0)
		resolve->failed = -ENOMEM;
}

/* "RULE/…" is what the members of that rule are called. */
static void check_member_name(struct resolve *resolve,
                              const struct place *place,
                              const struct config_monitor *monitor)
{
	struct place at = { .up = place, .key = "name" };
	struct slice name = slice_from(monitor->name);

	for (size_t i = 0; i < name.n; i++) {
		const struct config_monitor *rule;
		const char *member;

		if (name.p[i] != '/')
			continue;
		rule = map_get(&resolve->names, slice_make(name.p, i));
		member = rule ? resolve_member_word(rule) : NULL;
		if (member)
			problem_value(resolve->problems, &at, name,
			              "could be %s of the monitor %s; "
			              "give it another name",
			              member, rule->name);
	}
}

static void resolve_monitors(struct resolve *resolve,
                             const struct raw_config *raw)
{
	struct place list = { .up = &resolve->root, .key = "monitors" };
	const struct yaml_node *node = place_node(&list);

	if (raw->n_monitors == 0 && !resolve->global.container_labels) {
		if (!place_reported(&list) && !resolve->registry.enabled)
			problem_at(resolve->problems, &list,
			           "nothing to watch; list at least one "
			           "monitor");
		return;
	}
	resolve->monitors =
		arena_calloc(resolve->memory, raw->n_monitors + N_ASKED_RULES,
	                     sizeof(*resolve->monitors));
	if (!resolve->monitors) {
		resolve->failed = -ENOMEM;
		return;
	}
	list.node = node;
	for (size_t i = 0; i < raw->n_monitors && resolve->failed == 0; i++) {
		struct place place = { .up = &list, .index = i };

		if (place_left_out(&place))
			continue;
		place.node = place_node(&place);
		resolve_monitor(resolve, &raw->monitors[i], &place,
		                &resolve->monitors[i]);
		check_name(resolve, &place, &resolve->monitors[i]);
	}
	if (resolve->failed == 0)
		resolve_asked(resolve, resolve->monitors + raw->n_monitors);
	for (size_t i = 0; i < raw->n_monitors && resolve->failed == 0; i++) {
		struct place place = { .up = &list, .index = i };

		check_member_name(resolve, &place, &resolve->monitors[i]);
	}
}

static void resolve_all(struct resolve *resolve, struct raw_config *raw)
{
	resolve_global(resolve, &raw->global);
	resolve_auth(resolve, &raw->auth);
	resolve_prometheus(resolve, &raw->prometheus);
	resolve_notifications(resolve, raw);
	resolve_registry(resolve, &raw->registry);
	resolve_monitors(resolve, raw);
	resolve_gateway(resolve, &raw->gateway);
	resolve_alerts(resolve, &raw->alerts);
	resolve_leader(resolve, &raw->leader);
}

/* Nobody asks for anything below what asks itself. */
static void resolve_under(struct resolve *resolve, const struct raw_config *raw,
                          const struct config *base)
{
	resolve->global = base->global;
	resolve->global.container_labels = false;
	resolve->defaults = *base->defaults;
	resolve_monitors(resolve, raw);
}

static void keep_defaults(struct resolve *resolve, struct config *config)
{
	struct config_defaults *kept =
		arena_alloc(resolve->memory, sizeof(*kept));

	if (kept)
		*kept = resolve->defaults;
	else
		resolve->failed = -ENOMEM;
	config->defaults = kept;
}

int resolve(struct raw_config *raw, const struct yaml_tree *tree,
            const struct config_override *overrides, size_t n_overrides,
            const struct config *base, struct arena *memory,
            struct problems *problems, struct config *config)
{
	struct resolve resolve = {
		.memory = memory,
		.problems = problems,
		.root = { .node = tree->root, .line = tree->root->line },
		.overrides = overrides,
		.n_overrides = n_overrides,
	};

	map_init(&resolve.strings, 0);
	map_init(&resolve.names, 0);
	if (base)
		resolve_under(&resolve, raw, base);
	else
		resolve_all(&resolve, raw);
	keep_defaults(&resolve, config);
	map_fini(&resolve.strings);
	map_fini(&resolve.names);

	config->global = resolve.global;
	config->gateway = resolve.gateway;
	config->alerts = resolve.alerts;
	config->leader = resolve.leader;
	config->registry = resolve.registry;
	config->token_file = resolve.token_file;
	config->monitors = resolve.monitors;
	config->n_monitors = raw->n_monitors;
	config->n_asked = resolve.n_asked;
	config->notifications = resolve.notifications;
	config->n_notifications = raw->n_notifications;
	return resolve.failed;
}
