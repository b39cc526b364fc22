/* SPDX-License-Identifier: Apache-2.0 */
/*
 * resolve: what libcyaml loaded becomes the configuration: overrides, values,
 * defaults, and the rules that hold between keys. Private to config.
 *
 * Everything that is wrong is reported and the rest is looked at all the
 * same; the result is only good if there were no problems.
 */
#pragma once

#include "base/arena.h"
#include "base/map.h"
#include "config/config.h"
#include "config/problems.h"
#include "config/reader.h"
#include "config/schema.h"
#include "config/yaml_tree.h"

#define RULE_UNSET UINT64_MAX

/* Rules as given; a monitor begins with those of `global`. */
struct rules_given {
	uint64_t for_ms; /* each RULE_UNSET when not given */
	uint64_t cooldown_ms;
	uint64_t timeout_ms;
	uint64_t verify_ms;
	uint64_t window_ms;
	uint64_t backoff_max_ms;
	uint64_t start_grace_ms;
	uint32_t backoff_percent; /* 0 when not given */
	uint32_t max_bounces;     /* UINT32_MAX when not given */
};

struct quiet_given {
	const struct quiet_window *windows;
	uint8_t n;
};

/* Replicas of a Prometheus server. */
struct servers_given {
	const char *const *urls; /* NULL-terminated; NULL: none */
	size_t n;
};

/* What `global`, and the section `prometheus`, say for monitors. */
struct config_defaults {
	struct rules_given rules;
	struct quiet_given quiet;
	struct servers_given servers;
	struct config_credentials credentials; /* of those, and of exporters */
	bool dry_run;                          /* all of them */
	bool paused;
};

struct resolve {
	struct arena *memory; /* of the result */
	struct problems *problems;
	struct place root;
	const struct config_override *overrides;
	size_t n_overrides;

	struct config_global global;
	struct config_gateway gateway;
	struct config_alerts alerts;
	struct config_leader leader;
	struct config_registry registry;
	struct config_defaults defaults;
	const char *token_file;
	struct notification *notifications;
	struct config_monitor *monitors;
	size_t n_asked;
	struct map strings; /* every text is kept once */
	struct map names;   /* of monitors → struct config_monitor */
	int failed;         /* 0 or -ENOMEM */
};

/*
 * resolve() - all of it
 * @raw: `global` is changed: the overrides are put into it
 * @base: NULL, or whose `global` counts
 *
 * Returns 0, also with problems, or -ENOMEM. What @config points to lies in
 * @memory.
 */
int resolve(struct raw_config *raw, const struct yaml_tree *tree,
            const struct config_override *overrides, size_t n_overrides,
            const struct config *base, struct arena *memory,
            struct problems *problems, struct config *config) MUST_CHECK;

/* --- its parts ----------------------------------------------------------- */

/* The text, kept in the result; NULL for NULL, or if memory is out. */
const char *resolve_text(struct resolve *resolve, const char *text);

/* The list of texts, kept, with a NULL at its end; NULL if there are none. */
const char *const *resolve_list(struct resolve *resolve,
                                const char *const *texts, unsigned n);

/* A command: as above, and it must be there and name a program. */
const char *const *resolve_command(struct resolve *resolve,
                                   const struct reader *reader, const char *key,
                                   const char *const *words, unsigned n);

/* The name of a file; NULL if none is given. */
const char *resolve_file(struct resolve *resolve, const struct reader *reader,
                         const char *key, const char *text);

void resolve_global(struct resolve *resolve, struct raw_global *raw);

/* When it is known who asks for the gateway. */
void resolve_gateway(struct resolve *resolve, const struct raw_gateway *raw);

void resolve_control(struct resolve *resolve, const struct reader *reader,
                     const struct raw_global *raw);

/* Replaces what is in @given, if the section has the key. */
void resolve_quiet(struct resolve *resolve, const struct reader *reader,
                   const char *const *texts, unsigned n,
                   struct quiet_given *given);

void resolve_auth(struct resolve *resolve, const struct raw_auth *raw);

void resolve_rules(const struct reader *reader, const struct raw_rules *raw,
                   struct rules_given *rules);

void resolve_monitor(struct resolve *resolve, const struct raw_monitor *raw,
                     const struct place *place, struct config_monitor *monitor);

/* What to do: of a monitor whose type is known. @levels: of a value, whose
 * parts of the steps are set; else NULL. */
void resolve_steps(struct resolve *resolve, const struct raw_monitor *raw,
                   const struct reader *reader, uint64_t timeout_ms,
                   struct policy_levels *levels,
                   struct config_monitor *monitor);

/* Of a step of that type: `plugin` and `parameters`. */
void resolve_plugin(struct resolve *resolve, const struct reader *reader,
                    const struct config_monitor *monitor, const char *text,
                    struct step *step);

/* What its templates may name: enum template_facts. */
unsigned resolve_facts(const struct config_monitor *monitor);

/* False, and reported: the text cannot be rendered for this monitor. */
bool resolve_template(struct resolve *resolve,
                      const struct config_monitor *monitor,
                      const struct place *at, const char *text);

/* Could it be the name of a header? The second reports what is none. */
bool resolve_is_header(const char *text);
bool resolve_header_name(const struct reader *reader, const char *name);

/* Reports what is wrong with a name and its value. */
typedef bool (*pair_check)(const struct reader *reader, const char *name,
                           const char *value);

/* Names and values at @place, which is there, into CONFIG_MAX_LABELS of
 * @pairs, sorted; @sample: for a message. */
void resolve_pairs(struct resolve *resolve, const struct place *place,
                   const char *sample, pair_check check,
                   struct config_label *pairs, uint8_t *np);

/* A list of names and values at @place, which is there; kept in the result. */
void resolve_label_list(struct resolve *resolve, const struct place *place,
                        const struct config_label **labelsp, uint8_t *np);

/* What to watch: the labels of its group. */
void resolve_labels(struct resolve *resolve, const struct raw_monitor *raw,
                    const struct reader *reader,
                    struct config_monitor *monitor);

/* --- containers that ask by labels ------------------------------------------ */

#define N_ASKED_RULES ((N_CONFIG_ASKED - 1) * (N_CONFIG_TARGET_TYPES - 1))

/* The rules that cover them, to @monitors, which has room for N_ASKED_RULES. */
void resolve_asked(struct resolve *resolve, struct config_monitor *monitors);

/* --- monitors that watch containers, and what is told ---------------------- */

/* Push where nothing says otherwise; false, and reported, where it is wrong. */
bool resolve_watch(const struct reader *reader, const char *text,
                   enum config_watch *watchp);

/* Reports the keys of a monitor that have no meaning for what it watches. */
void resolve_meanings(const struct reader *reader, enum config_watch watch);

/* "RULE/MEMBER": the name of a rule has no slash. @members: "containers". */
void resolve_rule_name(const struct reader *reader,
                       const struct config_monitor *monitor,
                       const char *members);

/* What the members of that rule are, "a container"; NULL if it is none. */
const char *resolve_member_word(const struct config_monitor *monitor);

/* Of a monitor whose type and steps are known. */
void resolve_containers(struct resolve *resolve, const struct raw_monitor *raw,
                        const struct reader *reader,
                        struct config_monitor *monitor);

/* Which exit codes count where nothing is said; @any_end: whether
 * also those that a person stopped do. */
const char *resolve_default_codes(enum config_target_type type, bool any_end);

/* --- monitors of values and of alerts ------------------------------------------ */

/* Several URLs, with commas or blanks between them; false if none is given, or
 * one is wrong (then it is reported). */
bool resolve_servers(struct resolve *resolve, const struct reader *reader,
                     const char *key, const char *text,
                     struct servers_given *servers);

/* Replaces what is in @credentials, if the section has the keys. */
void resolve_credentials(struct resolve *resolve, const struct reader *reader,
                         const struct raw_credentials *raw,
                         struct config_credentials *credentials);

void resolve_prometheus(struct resolve *resolve,
                        const struct raw_credentials *raw);

/* Of a monitor whose check_interval is known. */
void resolve_metric(struct resolve *resolve, const struct raw_monitor *raw,
                    const struct reader *reader,
                    struct config_monitor *monitor);

/* The limits of a value, and when they count; NULL if memory is out. @given:
 * of the monitor. The steps are for others to set. */
struct policy_levels *resolve_levels(struct resolve *resolve,
                                     const struct raw_monitor *raw,
                                     const struct reader *reader,
                                     const struct rules_given *given);

/* Does it have soft or hard? Of a monitor of a value. */
bool resolve_has_levels(const struct reader *reader);

/* Labels and what they must be, at @place, which is there, as core/matcher.h has
 * it; kept in the result. NULL if something is wrong with it. */
const char *resolve_matchers(struct resolve *resolve,
                             const struct place *place);

/* Of a monitor whose steps are known. */
void resolve_alert(struct resolve *resolve, const struct raw_monitor *raw,
                   const struct reader *reader, struct config_monitor *monitor);

/* The sections, when it is known who asks for them. */
void resolve_alerts(struct resolve *resolve, const struct raw_alerts *raw);
void resolve_leader(struct resolve *resolve, const struct raw_leader *raw);
/* Before the monitors: with a registry there need not be any. */
void resolve_registry(struct resolve *resolve, const struct raw_registry *raw);

/* Without `opt_out`. */
void resolve_selector(struct resolve *resolve, const struct reader *reader,
                      const struct raw_containers *raw,
                      struct selector *selector);

/* NULL if none is given. */
const struct probe *resolve_probe(struct resolve *resolve,
                                  const struct reader *reader,
                                  const struct raw_probe *raw);

/* @webhook: has its defaults. @facts: what its templates may name. */
void resolve_webhook(struct resolve *resolve, const struct reader *reader,
                     const struct raw_webhook *raw, unsigned facts,
                     struct webhook *webhook);

void resolve_notifications(struct resolve *resolve,
                           const struct raw_config *raw);
