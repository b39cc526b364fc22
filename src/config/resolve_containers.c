/* SPDX-License-Identifier: Apache-2.0 */
/* Monitors that watch containers: what their keys mean. */
#include "config/resolve.h"

#include <errno.h>
#include "base/text.h"

#define OPT_OUT          "bouncer.ignore"
#define DEPENDENTS_LABEL "bouncer.depends_on"
#define MAX_CONTAINERS   1000
#define HOUR_MS          3600000

/* --- what there is besides the selection ----------------------------------- */

static void read_endpoints(struct resolve *resolve, const struct reader *reader,
                           const struct raw_containers *raw,
                           enum config_target_type type,
                           struct config_containers *containers)
{
	bool docker =
		type == CONFIG_TARGET_DOCKER || type == CONFIG_TARGET_PODMAN;
	struct place list = reader_place(reader, "endpoints");

	containers->endpoints =
		resolve_list(resolve, raw->endpoints, raw->n_endpoints);
	if (!containers->endpoints)
		return;
	containers->n_endpoints = raw->n_endpoints;
	for (unsigned i = 0; i < raw->n_endpoints; i++) {
		struct place at = { .up = &list, .index = i };
		struct reader item = { .problems = resolve->problems,
			               .place = &at };

		if (place_left_out(&at))
			continue;
		(void)read_endpoint(&item, NULL, raw->endpoints[i], docker);
		for (unsigned k = 0; k < i; k++) {
			if (text_equal(raw->endpoints[k], raw->endpoints[i]))
				problem_value(resolve->problems, &at,
				              slice_from(raw->endpoints[i]),
				              "is here a second time; keep "
				              "one");
		}
	}
}

/* A name of a label; @otherwise where none is given, "" switches it off. */
static const char *read_label_name(struct resolve *resolve,
                                   const struct reader *reader, const char *key,
                                   const char *text, const char *otherwise)
{
	struct slice name = slice_from(text);

	if (!text)
		return resolve_text(resolve, otherwise);
	if (name.n == 0)
		return NULL;
	if (!text_is_printable(name) || memchr(name.p, '=', name.n) ||
	    memchr(name.p, ' ', name.n))
		reader_value(reader, key, text, "is not the name of a label");
	return resolve_text(resolve, text);
}

/* One of the labels in `opt_out`. */
static void check_opt_out(const struct reader *reader, const char *text,
                          struct slice name)
{
	static const char falsy[] = "=false";
	size_t n = strlen(falsy);

	if (name.n > n && slice_is(slice_skip(name, name.n - n), falsy))
		name.n -= n;
	if (name.n == 0 || memchr(name.p, '=', name.n) ||
	    !text_is_printable(name))
		reader_value(reader, "opt_out", text,
		             "is not a label; write LABEL, whose true value "
		             "leaves a container out, or LABEL=false; several "
		             "with commas between them");
}

static void read_opt_out(struct resolve *resolve, const struct reader *reader,
                         const char *text, struct config_containers *containers)
{
	struct slice rest = slice_from(text);
	struct slice name;

	while (slice_next(&rest, ',', &name))
		check_opt_out(reader, text, slice_trim(name));
	if (!text)
		text = OPT_OUT;
	containers->selector.opt_out =
		text[0] ? resolve_text(resolve, text) : NULL;
}

static void read_stop_label(struct resolve *resolve,
                            const struct reader *reader,
                            const struct raw_containers *raw,
                            struct config_containers *containers)
{
	static const char *const units[] = { "s", "ms" };
	unsigned unit = 0;

	containers->stop_timeout_label =
		read_label_name(resolve, reader, "stop_timeout_label",
	                        raw->stop_timeout_label, NULL);
	(void)read_word(reader, "stop_timeout_label_unit",
	                raw->stop_timeout_label_unit, units, ARRAY_SIZE(units),
	                &unit);
	if (raw->stop_timeout_label_unit && !containers->stop_timeout_label)
		reader_problem(reader, "stop_timeout_label_unit",
		               "is of stop_timeout_label, which is not given");
	containers->stop_timeout_unit_ms = unit ? 1 : 1000;
}

static void read_dependents(struct resolve *resolve,
                            const struct reader *reader,
                            const struct raw_containers *raw,
                            struct config_containers *containers)
{
	(void)read_bool(reader, "dependents", raw->dependents,
	                &containers->dependents);
	if (raw->dependents_label && !containers->dependents)
		reader_problem(reader, "dependents_label",
		               "needs dependents: true");
	containers->dependents_label = read_label_name(
		resolve, reader, "dependents_label", raw->dependents_label,
		containers->dependents ? DEPENDENTS_LABEL : NULL);
}

/* --- containers that have ended -------------------------------------------- */

static bool ladder_has(const struct config_monitor *monitor,
                       enum step_kind kind)
{
	for (size_t i = 0; i < monitor->n_steps; i++) {
		if (monitor->steps[i].kind == kind)
			return true;
	}
	return false;
}

/* Who takes away what is done with looks for success; who starts it again
 * looks for failure, where the engine tells it from success. */
const char *resolve_default_codes(enum config_target_type type, bool any_end)
{
	if (any_end)
		return "0";
	return type == CONFIG_TARGET_LXD || type == CONFIG_TARGET_INCUS
	               ? "any"
	               : "nonzero";
}

static void read_exited(struct resolve *resolve, const struct reader *reader,
                        const struct raw_containers *raw,
                        const struct config_monitor *monitor,
                        struct config_containers *containers)
{
	const char *text = raw->exit_codes;
	struct err err;

	containers->any_end = ladder_has(monitor, STEP_REMOVE) &&
	                      !ladder_has(monitor, STEP_START) &&
	                      !ladder_has(monitor, STEP_RESTART);
	containers->codes_given = text != NULL;
	if (!text)
		text = resolve_default_codes(monitor->type,
		                             containers->any_end);
	if (exit_codes_parse(slice_from(text), &containers->codes, &err) < 0)
		reader_value(reader, "exit_codes", text, "%s", err.message);
	containers->codes_label =
		read_label_name(resolve, reader, "exit_codes_label",
	                        raw->exit_codes_label, NULL);
	(void)read_number(reader, "keep_last", raw->keep_last, 0,
	                  CONFIG_MAX_CONTAINERS, &containers->keep_last);
}

/* Instances are machines: they stop, and are wanted again. */
static void check_removal(const struct reader *reader,
                          const struct config_monitor *monitor,
                          const struct selector *selector)
{
	if (monitor->type != CONFIG_TARGET_LXD &&
	    monitor->type != CONFIG_TARGET_INCUS)
		return;
	if (ladder_has(monitor, STEP_REMOVE) && !selector->select.n_labels &&
	    !selector->n_any_of)
		reader_problem(reader, "select",
		               "must name a label: instances are removed only "
		               "where they say so; for instance "
		               "{label: [\"user.cleanup?\"]}, with "
		               "user.cleanup=true on the instance");
}

/* --- the whole ------------------------------------------------------------- */

void resolve_containers(struct resolve *resolve, const struct raw_monitor *raw,
                        const struct reader *reader,
                        struct config_monitor *monitor)
{
	const struct raw_containers *given = &raw->containers;
	struct config_containers *containers =
		arena_calloc(resolve->memory, 1, sizeof(*containers));

	if (!containers) {
		resolve->failed = -ENOMEM;
		return;
	}
	monitor->containers = containers;
	monitor->rules.exact = true;
	resolve_rule_name(reader, monitor, "containers");
	read_endpoints(resolve, reader, given, monitor->type, containers);
	resolve_selector(resolve, reader, given, &containers->selector);
	check_removal(reader, monitor, &containers->selector);
	read_opt_out(resolve, reader, given->opt_out, containers);
	containers->max_containers = MAX_CONTAINERS;
	(void)read_number(reader, "max_containers", given->max_containers, 1,
	                  CONFIG_MAX_CONTAINERS, &containers->max_containers);
	containers->forget_ms = HOUR_MS;
	(void)read_duration(reader, "forget_after", given->forget_after, 0,
	                    &containers->forget_ms);
	(void)read_duration(reader, "grace", given->grace, 0,
	                    &monitor->rules.grace_ms);
	read_stop_label(resolve, reader, given, containers);
	read_dependents(resolve, reader, given, containers);
	if (monitor->watch == CONFIG_WATCH_EXITED)
		read_exited(resolve, reader, given, monitor, containers);
	else
		containers->probe =
			resolve_probe(resolve, reader, &given->probe);
}
