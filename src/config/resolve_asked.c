/* SPDX-License-Identifier: Apache-2.0 */
/* The rules of those containers that ask for monitors by their labels. */
#include "config/resolve.h"

#include <errno.h>
#include "config/from_labels.h"

#define HOUR_MS 3600000

/* What is written of the label without the prefix of the engine. */
struct asked {
	const char *name;
	const char *label;
	const char *value; /* NULL: any */
	const char *but;   /* a value that another rule is for; NULL */
	enum config_watch watch;
	enum step_kind step;
};

static const struct asked asked_rules[N_CONFIG_ASKED] = {
	[CONFIG_ASKED_HEALTH] = { "health", "bouncer.health", NULL, NULL,
	                          CONFIG_WATCH_HEALTH, STEP_RESTART },
	[CONFIG_ASKED_EXITED] = { "exited", "bouncer.exited", NULL, "remove",
	                          CONFIG_WATCH_EXITED, STEP_START },
	[CONFIG_ASKED_REMOVE] = { "remove", "bouncer.exited", "remove", NULL,
	                          CONFIG_WATCH_EXITED, STEP_REMOVE },
	[CONFIG_ASKED_PUSH] = { "push", "bouncer.push.job", NULL, NULL,
	                        CONFIG_WATCH_PUSH, STEP_RESTART },
};

static const char *keep(struct resolve *resolve, const char *first,
                        const char *second, const char *third)
{
	const char *kept = NULL;
	struct buf text;

	buf_init(&text, 128);
	if (buf_printf(&text, "%s%s%s", first, second, third) == 0)
		kept = resolve_text(resolve, buf_text(&text));
	else
		resolve->failed = -ENOMEM;
	buf_fini(&text);
	return kept;
}

static const char *label_of(struct resolve *resolve,
                            enum config_target_type type, const char *name)
{
	return keep(resolve, from_labels_space(type), name, "");
}

static struct selector_conditions label_is(struct resolve *resolve,
                                           const char *name, const char *value)
{
	struct selector_label *label =
		arena_calloc(resolve->memory, 1, sizeof(*label));

	if (!label) {
		resolve->failed = -ENOMEM;
		return (struct selector_conditions){ 0 };
	}
	*label = (struct selector_label){ .name = name, .value = value };
	return (struct selector_conditions){ .labels = label, .n_labels = 1 };
}

static const struct config_containers *containers_of(
	struct resolve *resolve, enum config_target_type type,
	enum config_asked kind)
{
	const struct asked *asked = &asked_rules[kind];
	const char *label = label_of(resolve, type, asked->label);
	struct config_containers *containers =
		arena_calloc(resolve->memory, 1, sizeof(*containers));
	const char *codes;
	struct err err;

	if (!containers) {
		resolve->failed = -ENOMEM;
		return NULL;
	}
	containers->asked = kind;
	containers->selector.select = label_is(resolve, label, asked->value);
	if (asked->but)
		containers->selector.exclude =
			label_is(resolve, label, asked->but);
	containers->selector.opt_out =
		label_of(resolve, type, "bouncer.ignore");
	containers->max_containers = CONFIG_MAX_CONTAINERS;
	containers->forget_ms = HOUR_MS;
	containers->stop_timeout_unit_ms = 1000;
	containers->any_end = kind == CONFIG_ASKED_REMOVE;
	if (asked->watch != CONFIG_WATCH_EXITED)
		return containers;
	containers->codes_label = label_of(resolve, type, "bouncer.exit_codes");
	codes = resolve_default_codes(type, containers->any_end);
	if (exit_codes_parse(slice_from(codes), &containers->codes, &err) < 0)
		resolve->failed = -EINVAL;
	return containers;
}

static void check_name(struct resolve *resolve, struct config_monitor *monitor)
{
	struct place list = { .up = &resolve->root, .key = "monitors" };
	struct slice name = slice_from(monitor->name);
	const struct config_monitor *other = map_get(&resolve->names, name);

	if (other) {
		struct place item = {
			.up = &list,
			.index = (size_t)(other - resolve->monitors),
		};
		struct place at = { .up = &item, .key = "name" };

		problem_value(resolve->problems, &at, name,
		              "is the rule of containers that ask for it by "
		              "their labels; give it another name");
	} else if (map_set(&resolve->names, name, monitor) < 0) {
		resolve->failed = -ENOMEM;
	}
}

static void make_rule(struct resolve *resolve, enum config_target_type type,
                      enum config_asked kind, struct config_monitor *monitor)
{
	const struct asked *asked = &asked_rules[kind];
	struct step *step = arena_calloc(resolve->memory, 1, sizeof(*step));

	if (!step) {
		resolve->failed = -ENOMEM;
		return;
	}
	step->kind = asked->step;
	monitor->name = keep(resolve, "label:",
	                     type == CONFIG_TARGET_DOCKER
	                             ? ""
	                             : config_target_type_name(type),
	                     type == CONFIG_TARGET_DOCKER ? "" : ":");
	if (monitor->name)
		monitor->name = keep(resolve, monitor->name, asked->name, "");
	monitor->watch = asked->watch;
	monitor->type = type;
	monitor->rules.exact = true;
	monitor->rules.n_steps = 1;
	monitor->steps = step;
	monitor->n_steps = 1;
	monitor->containers = containers_of(resolve, type, kind);
	if (asked->watch == CONFIG_WATCH_PUSH) {
		monitor->push_gw = resolve->global.push_gw;
		monitor->check_interval_ms =
			config_is_builtin(monitor->push_gw)
				? 0
				: resolve->global.check_interval_ms;
	}
	if (monitor->name)
		check_name(resolve, monitor);
}

void resolve_asked(struct resolve *resolve, struct config_monitor *monitors)
{
	const struct config_global *global = &resolve->global;
	const char *const sockets[] = {
		[CONFIG_TARGET_DOCKER] = global->socket_docker,
		[CONFIG_TARGET_PODMAN] = global->socket_podman,
		[CONFIG_TARGET_LXD] = global->socket_lxd,
		[CONFIG_TARGET_INCUS] = global->socket_incus,
	};

	if (!global->container_labels)
		return;
	for (size_t type = 0; type < ARRAY_SIZE(sockets); type++) {
		if (type != CONFIG_TARGET_DOCKER && !sockets[type])
			continue;
		for (unsigned kind = CONFIG_ASKED_NOT + 1;
		     kind < N_CONFIG_ASKED && resolve->failed == 0; kind++)
			make_rule(resolve, (enum config_target_type)type,
			          (enum config_asked)kind,
			          &monitors[resolve->n_asked++]);
	}
}
