/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config: the configuration as one immutable value.
 *
 * Read from YAML by libcyaml, overridden by environment and command line,
 * completed with defaults, validated; all problems are reported in one run.
 * Only a value without problems leaves this module, so nobody checks again.
 * A reload makes a new value beside the old one and compares monitors.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/buf.h"
#include "base/err.h"
#include "base/log.h"
#include "base/macros.h"
#include "base/slice.h"
#include "core/exit_codes.h"
#include "core/policy.h"
#include "core/probe.h"
#include "core/quiet.h"
#include "core/selector.h"
#include "core/step.h"
#include "core/threshold.h"
#include "core/webhook.h"

#define CONFIG_BUILTIN "builtin" /* instead of a gateway's URL: ourselves */

#define CONFIG_MAX_FILE            (64u << 20) /* bytes */
#define CONFIG_MAX_MONITORS        100000
#define CONFIG_MAX_STEPS           16
#define CONFIG_MAX_LABELS          16
#define CONFIG_MAX_ARGUMENTS       256  /* of one command */
#define CONFIG_MAX_TTL             1000 /* rules */
#define CONFIG_MAX_ENDPOINTS       64
#define CONFIG_MAX_NOTIFICATIONS   64
#define CONFIG_MAX_INCLUDE         8
#define CONFIG_MAX_CONTAINERS      20000 /* of one rule, at most */
#define CONFIG_MAX_SERVERS         8     /* replicas of one Prometheus */
#define CONFIG_MAX_SERIES          10000 /* of series: each, at most */
#define CONFIG_MAX_ALERTS          100000
#define CONFIG_MAX_PATHS           16 /* for Alertmanager to post to */
#define CONFIG_MAX_ALLOW           64 /* networks that may post */
#define CONFIG_MAX_REGISTRY_TOKENS 1000
#define CONFIG_MAX_DROP_ALERTS     100

enum config_target_type {
	CONFIG_TARGET_DOCKER,
	CONFIG_TARGET_PODMAN,
	CONFIG_TARGET_LXD,
	CONFIG_TARGET_INCUS,
	CONFIG_TARGET_HOST,
	N_CONFIG_TARGET_TYPES,
};

/* What of the groups that match a monitor's labels counts. */
enum config_match {
	CONFIG_MATCH_ANY,    /* the youngest: one that reports is enough */
	CONFIG_MATCH_ALL,    /* the oldest; a group that vanished is missing */
	CONFIG_MATCH_OLDEST, /* the oldest of those present */
};

/* What a monitor watches. */
enum config_watch {
	CONFIG_WATCH_PUSH,   /* a push gateway; one target */
	CONFIG_WATCH_HEALTH, /* the checks of containers; a rule of many */
	CONFIG_WATCH_EXITED, /* whether containers have ended; likewise */
	CONFIG_WATCH_METRIC, /* a value; series: each makes it a rule of many */
	CONFIG_WATCH_ALERT,  /* Alertmanager's alerts; a rule of many */
	N_CONFIG_WATCHES,
};

/* Which time of the metric counts. */
enum config_metric_value {
	CONFIG_METRIC_PUSH_TIME, /* when it was pushed */
	CONFIG_METRIC_TIMESTAMP, /* its value is a Unix time */
};

/* Of a rule that is ours: those containers that ask for it by their labels,
 * each of which says what is to be done about itself; see from_labels.h. */
enum config_asked {
	CONFIG_ASKED_NOT, /* it stands in the file */
	CONFIG_ASKED_HEALTH,
	CONFIG_ASKED_EXITED,
	CONFIG_ASKED_REMOVE, /* when it has ended */
	CONFIG_ASKED_PUSH,
	N_CONFIG_ASKED,
};

struct config_label {
	const char *name;
	const char *value;
};

/* Of a rule that watches containers: which, and what of them. */
struct config_containers {
	enum config_asked asked;
	const char *const *endpoints; /* of engines; none: global.socket_… */
	size_t n_endpoints;
	struct selector selector;
	uint32_t max_containers; /* covered, at most */
	uint64_t forget_ms; /* the past of one that is gone is kept so long */
	struct exit_codes codes; /* EXITED */
	bool codes_given;
	bool any_end; /* also those that a person stopped: the ladder removes */
	uint32_t keep_last;      /* EXITED; 0: none is kept */
	const char *codes_label; /* of a container: its own set instead; NULL:
	                            no such label */
	const char *stop_timeout_label; /* of a container: its own stop
	                                   timeout, a number of units; NULL */
	uint32_t stop_timeout_unit_ms;  /* 1 or 1000 */
	const struct probe *probe;      /* NULL: none */
	bool dependents;                /* restart them after a restart */
	const char *dependents_label;   /* NULL: none names its parent so */
};

/* How a server or an exporter is asked. */
struct config_credentials {
	const char *token_file;      /* NULL: none */
	const char *basic_auth_file; /* user:password; NULL: none */
	const struct config_label *headers;
	uint8_t n_headers;
};

/* Of a monitor of a value: which, and which of several series. Its limits are
 * in rules.levels. */
struct config_metric {
	const char *query; /* PromQL, also made of metric_name and filters;
	                      NULL: it is scraped */
	const char *const *servers; /* replicas; none: it is scraped */
	size_t n_servers;
	const char *scrape; /* URL of an exporter; NULL: a server is asked */
	const char *metric_name; /* scraped */
	const char *filters;     /* of it, as core/matcher.h; NULL: none */
	const struct config_credentials *credentials; /* never NULL */
	enum series_choice series;
	uint32_t max_series; /* of series: each */
	uint64_t
		forget_ms; /* the past of a series that is gone stays so long */
};

/* Of a monitor of alerts. */
struct config_alert {
	const char *match_labels;      /* as core/matcher.h; NULL: all */
	const char *match_annotations; /* likewise */
	bool per_group;                /* else per alert */
	uint32_t max_alerts;           /* followed at once, at most */
	uint64_t forget_ms;
	bool interrupt;     /* a command that still runs when the alert is
	                     resolved is sent `signal`, then SIGKILL */
	const char *signal; /* "SIGTERM" */
	uint64_t kill_after_ms;
};

struct config_monitor {
	const char *name;
	enum config_watch watch;
	bool dry_run; /* global.dry_run included */
	bool paused;  /* global.paused included */
	uint8_t n_quiet;
	uint8_t n_labels; /* at least one, of a push */
	const struct config_containers *containers; /* NULL: watches no
	                                               containers */
	const struct config_metric *metric; /* NULL: watches no metric */
	const struct config_alert *alert;   /* NULL: watches no alerts */

	/* what to watch */
	const char *push_gw;     /* URL, or CONFIG_BUILTIN; NULL only if it
	                            watches containers */
	const char *metric_name; /* NULL: push_time_seconds */
	enum config_metric_value metric_value;
	enum config_match match;
	uint64_t check_interval_ms;        /* 0: CONFIG_BUILTIN needs none */
	const struct config_label *labels; /* sorted by name */

	/* what to act on */
	const char *container_name; /* NULL for CONFIG_TARGET_HOST, and for a
	                               rule of many */
	const char *project;        /* LXD, Incus; NULL: default */
	enum config_target_type type;
	uint32_t max_parallel; /* bounces of this rule at once; 0: no limit but
	                          that of all */
	uint8_t n_steps;       /* at least one; of all ladders */

	/* when, and what to do */
	struct policy_rules rules;
	const struct step *steps;  /* all ladders, one after another: the one
	                              there is, or of soft, then hard; behind
	                              them that of on_resolved */
	const char *const *before; /* a command of the host that may veto the
	                               bounce by failing; NULL: none */
	uint64_t before_timeout_ms;
	const char *const *after; /* a command of the host, after the last step
	                             of a walk however that ended; each
	                             argument is a plain template; what comes
	                             of it changes nothing; NULL: none */
	uint64_t after_timeout_ms;
	uint64_t throttle_ms; /* the same command, as rendered, or the same
	                          step for the same target, not again within
	                          this; 0: off */
	const struct quiet_window *quiet;
};

struct config_global {
	uint64_t check_interval_ms;
	uint64_t fetch_timeout_ms;
	uint64_t max_body; /* bytes of a fetched body */
	enum log_level log_level;
	enum log_format log_format;
	const char *socket_docker; /* /path, unix://…, tcp://… */
	const char *socket_podman; /* NULL: found in the usual places */
	const char *socket_lxd;    /* NULL: as above */
	const char *socket_incus;  /* NULL: as above */
	const char *push_gw;
	const char *plugin_dir;   /* NULL: there are none */
	const char *addr;         /* NULL: serve nothing */
	const char *state_dir;    /* NULL: keep no state */
	uint32_t max_parallel;    /* bounces at once */
	uint32_t max_connections; /* to addr */
	uint32_t journal_size;    /* entries kept */
	uint32_t storm_share;     /* percent; 0: the guard is off */
	uint32_t storm_min;       /* monitors */
	uint64_t storm_window_ms;
	uint64_t shutdown_timeout_ms; /* running steps may still finish */
	const char *control_socket;   /* a path; NULL: none */
	bool control_is_default;      /* nobody asked for that path */
	const char *control_group;    /* NULL: the daemon's own */
	const char *timezone;         /* NULL: the machine's */
	const char *host;             /* in notices; NULL: the machine's name */
	uint64_t resync_ms; /* of containers: everything is listed so often */
	bool container_labels; /* containers may ask for monitors themselves */
	const char *tls_ca;    /* files, of engines and gateways over TLS; */
	const char *tls_cert;  /* NULL: the system's authorities, and */
	const char *tls_key;   /* no certificate of our own */
};

/* Alertmanager's webhook; `enabled` if a monitor watches alerts, or there is a
 * registry, which keeps them. */
struct config_alerts {
	bool enabled;
	const char *const *paths; /* beside /api/v1/alerts */
	size_t n_paths;
	const char *token_file;      /* who may post: all that are given must */
	const char *basic_auth_file; /* agree; none: everybody */
	const char *hmac_file;       /* the secret of … */
	const char *hmac_header;  /* … the header with the body's HMAC-SHA256,
	                                hex, "sha256=" before it or not */
	const char *const *allow; /* addresses and networks; none: all */
	size_t n_allow;
	uint64_t max_body; /* bytes */
	uint32_t queue_size;
	uint32_t max_alerts;       /* that fire at once */
	uint64_t resolve_after_ms; /* an alert that is not repeated for so long
	                              is taken for resolved; 0: never */
	bool amx_metrics; /* also under prometheus-am-executor's names */
};

/* Of several daemons one acts: who holds the lease. */
struct config_leader {
	bool enabled;
	const char *kubernetes_lease; /* its name */
	const char *namespace_;       /* NULL: the pod's own */
	const char *identity;         /* NULL: made from the machine's name */
	uint64_t lease_ms;            /* whole seconds */
	uint64_t renew_ms;            /* given up if not renewed within */
	uint64_t retry_ms;
	bool required; /* without the API nobody acts; else we do */
};

/* How long a group that is not pushed any more stays. */
struct config_ttl {
	const struct config_label *labels; /* sorted by name; all must match, a
	                                      '*' at the end of a value matches
	                                      any rest; none: every group */
	uint8_t n_labels;
	uint64_t ttl_ms; /* 0: for ever */
};

/* The built-in push gateway. */
struct config_gateway {
	bool enabled;                  /* `global` or a monitor asks for it */
	uint64_t snapshot_interval_ms; /* 0: only at the end */
	uint64_t max_body;             /* bytes, also when decompressed */
	uint64_t max_group_size;       /* bytes of lines; 0: no limit */
	uint32_t max_series;           /* of all groups; 0: no limit */
	uint32_t max_groups;           /* 0: no limit */
	bool admin_api;                /* wipe, and delete by labels */
	const char *token_file;        /* who may push; NULL: as below */
	const char *basic_auth_file;   /* both NULL: everybody */
	const struct config_ttl *ttl;  /* the first that matches counts */
	size_t n_ttl;
};

/* A token that the configuration brings along: made, or made anew, at each
 * start. */
struct config_registry_token {
	const char *name;
	const char *scope; /* "read", "write", "admin", "alerts" */
	const char *file;  /* its secret; read at the start and at a reload */
};

/* The registry; set if `registry` stands in the file, or it is run as one. */
struct config_registry {
	bool enabled;
	const char *path;         /* of the database */
	const char *promtool;     /* a program, looked up in PATH; "": rules are
	                             not asked about; NULL: promtool, if it is
	                             there */
	const char *site;         /* the name of the group of global rules */
	const char *external_url; /* where others reach us; "": not known */
	bool open_discovery;      /* /sd and the like need no token */
	uint64_t keep_alerts_ms;
	uint32_t max_alerts; /* kept; the oldest go first */
	uint64_t keep_audit_ms;
	const char *const *drop_alerts; /* matchers (core/matcher.h) of those
	                                   that nobody is told of */
	size_t n_drop_alerts;
	const struct config_registry_token *tokens;
	size_t n_tokens;
};

struct config {
	struct config_global global;
	struct config_gateway gateway;
	struct config_registry registry;
	struct config_alerts alerts;
	struct config_leader leader;
	const char *token_file; /* who may control on addr; NULL: nobody */
	const struct config_monitor *monitors; /* in the order of the file, … */
	size_t n_monitors;
	size_t n_asked; /* … and behind them the rules of containers that ask
	                   for something by their labels */
	const struct config_defaults *defaults; /* of monitors; private */
	const struct notification *notifications;
	size_t n_notifications;
	const char *file; /* its name as given */
	void *memory;     /* all of the above lies in it */
};

/* The key of the one override that is not of `global`: true is its value. */
#define CONFIG_REGISTRY_ENABLED "registry.enabled"

/* One setting from the command line or the environment, by the file's name
 * of the key: { "push_gw", "http://…", "--pushgw" }. */
struct config_override {
	const char *key; /* of the section `global`, or as above */
	const char *value;
	const char *origin; /* for messages: "--pushgw", "BOUNCER_PUSH_GW" */
	bool fallback;      /* below the file: only where that says nothing */
};

/*
 * config_load() - read, override, complete, validate
 * @overrides: in falling precedence: the first that names a key wins
 * @problems: every problem as a line "file:line: path: message", appended
 *
 * Returns 0 with *configp set (config_free()), -EINVAL with problems
 * reported, -ENOMEM, or the code of reading the file (also reported).
 */
int config_load(const char *path, const struct config_override *overrides,
                size_t n_overrides, struct config **configp,
                struct buf *problems) MUST_CHECK;

/* Appends a whole file; 0, the system's code, or the buffer's failure. */
int config_read_file(const char *path, struct buf *text) MUST_CHECK;

/* As config_load() from memory; @name stands in the messages. */
int config_load_text(struct slice text, const char *name,
                     const struct config_override *overrides,
                     size_t n_overrides, struct config **configp,
                     struct buf *problems) MUST_CHECK;

/* As above, of monitors only, under the `global` of @base, which must outlive
 * the result. */
int config_load_under(const struct config *base, struct slice text,
                      const char *name, struct config **configp,
                      struct buf *problems) MUST_CHECK;

void config_free(struct config *config); /* NULL is fine */

/* The push gateway of that name is the built-in one. */
bool config_is_builtin(const char *push_gw);

/* As in the file. */
const char *config_watch_name(enum config_watch watch);

/* The same people are told the same. */
bool config_notifications_equal(const struct config *a, const struct config *b);

/* Nothing about the monitor changed, so its state may be kept. */
bool config_monitor_equal(const struct config_monitor *a,
                          const struct config_monitor *b);

const char *config_target_type_name(enum config_target_type type);
