/* SPDX-License-Identifier: Apache-2.0 */
/*
 * schema: the keys of the configuration file, once. The structs are what
 * libcyaml fills; the tables tell it how, and tell the checker what it may
 * find, and flags and environment which keys there are.
 *
 * Every value is text here (NULL: not given), every key is optional: what a
 * value means, and what cannot be left out, is said by resolve.h, which has
 * better words for it than a generic loader.
 *
 * A new key needs a member, a line in the table, and a line in resolve.
 */
#pragma once

#include <cyaml/cyaml.h>
#include <stdbool.h>
#include "base/slice.h"

/* Of a monitor, and in `global` the default for all monitors. */
struct raw_rules {
	const char *for_;
	const char *cooldown;
	const char *timeout;
	const char *verify_within;
	const char *max_bounces;
	const char *window;
	const char *backoff_factor;
	const char *backoff_max;
	const char *start_grace;
};

struct raw_global {
	const char *check_interval;
	const char *log_level;
	const char *log_format;
	const char *socket_docker;
	const char *socket_podman;
	const char *socket_lxd;
	const char *socket_incus;
	const char *push_gw;
	const char *prometheus;
	const char *plugin_dir;
	const char *addr;
	const char *port; /* an old spelling of addr */
	const char *state_dir;
	const char *fetch_timeout;
	const char *max_body;
	const char *max_parallel;
	const char *max_connections;
	const char *journal_size;
	const char *storm_share;
	const char *storm_min;
	const char *storm_window;
	const char *shutdown_timeout;
	const char *dry_run;
	const char *paused;
	const char *control_socket;
	const char *control_group;
	const char *timezone;
	const char *host;
	const char *resync_interval;
	const char *container_labels;
	const char *tls_ca;
	const char *tls_cert;
	const char *tls_key;
	const char **quiet; /* not a flag, nor in the environment */
	unsigned n_quiet;
	struct raw_rules rules;
};

/* Of a notification and of a step. */
struct raw_webhook {
	const char *url;
	const char *preset;
	const char *body;
	const char *method;
	/* headers: any keys, so it is read from the tree */
	const char *token_file;
	const char *ca_file;
	const char *timeout;
	const char *max_tries;
};

struct raw_notification {
	const char *name;
	const char **events;
	unsigned n_events;
	struct raw_webhook webhook;
};

struct raw_step {
	const char *type;
	const char **command;
	unsigned n_command;
	const char *timeout;
	const char *stop_timeout;
	const char *signal;
	const char *message;
	const char *volumes;
	const char *plugin;
	/* parameters: any keys, so it is read from the tree */
	const char *environment;
	struct raw_webhook webhook; /* its timeout is the step's */
};

/* Of `select` and `exclude`; the second has no any_label. */
struct raw_conditions {
	const char **label;
	unsigned n_label;
	const char **any_label;
	unsigned n_any_label;
	const char **name;
	unsigned n_name;
	const char **prefix;
	unsigned n_prefix;
	const char **image;
	unsigned n_image;
	const char **project;
	unsigned n_project;
	const char **service;
	unsigned n_service;
};

struct raw_probe {
	const char *type;
	const char *url;
	const char *address;
	const char **command;
	unsigned n_command;
	const char *interval;
	const char *timeout;
	const char *retries;
	const char *start_period;
	const char *start_interval;
};

/* Of a monitor that watches containers. */
struct raw_containers {
	const char **endpoints;
	unsigned n_endpoints;
	struct raw_conditions select;
	struct raw_conditions exclude;
	const char *opt_out;
	const char **include;
	unsigned n_include;
	const char *max_containers;
	const char *forget_after;
	const char *grace;
	const char *exit_codes;
	const char *exit_codes_label;
	const char *keep_last;
	const char *stop_timeout_label;
	const char *stop_timeout_label_unit;
	struct raw_probe probe;
	const char *dependents;
	const char *dependents_label;
};

/* How a server or an exporter is asked: of a section, and of a monitor. */
struct raw_credentials {
	const char *token_file;
	const char *basic_auth_file;
	/* headers: any keys, so it is read from the tree */
};

/* Of `soft` and `hard`. */
struct raw_level {
	const char *threshold;
	const char *clear;
	const char *for_;
	const char *duration; /* the same */
	const char *backoff;
	const char *backoff_delay; /* the same */
	struct raw_step *steps;
	unsigned n_steps;
	const char *plugin; /* the only step */
};

/* Of a monitor that watches a value. */
struct raw_metric {
	const char *query;
	const char *label_filters;
	const char *prometheus;
	const char *scrape;
	struct raw_credentials credentials;
	const char *series;
	const char *max_series;
	const char *missing;
	const char *threshold;
	const char *clear;
	const char *backoff;
	struct raw_level soft;
	struct raw_level hard;
	const char *compat;
};

/* Of a monitor that watches alerts. */
struct raw_alert {
	/* match_labels, match_annotations: any keys, from the tree */
	const char *per;
	const char *once;
	const char *retry;
	const char *max_alerts;
	const char *on_resolved_signal;
	const char *kill_after;
};

struct raw_monitor {
	const char *name;
	const char *watch;
	const char *max_age;
	const char *max_runtime;
	const char *type;
	const char *container_name;
	const char *project;
	const char *label_name;
	const char *label_value;
	/* labels: any keys, so it is read from the tree */
	const char *push_gw;
	const char *check_interval;
	const char *metric_name;
	const char *metric_value;
	const char *match;
	const char *restart_type;
	const char **restart_command;
	unsigned n_restart_command;
	struct raw_step *steps;
	unsigned n_steps;
	const char *plugin; /* the only step */
	struct raw_step *on_resolved;
	unsigned n_on_resolved;
	const char *max_parallel;
	const char *throttle;
	const char **before;
	unsigned n_before;
	const char *before_timeout;
	const char **after;
	unsigned n_after;
	const char *after_timeout;
	const char *stop_timeout;
	const char *signal;
	const char *dry_run;
	const char *paused;
	const char **quiet;
	unsigned n_quiet;
	struct raw_containers containers;
	struct raw_metric metric;
	struct raw_alert alert;
	struct raw_rules rules;
};

struct raw_auth {
	const char *token_file;
};

struct raw_ttl {
	/* labels: any keys, so it is read from the tree */
	const char *ttl;
};

struct raw_gateway {
	const char *snapshot_interval;
	const char *max_body;
	const char *max_group_size;
	const char *max_series;
	const char *max_groups;
	const char *admin_api;
	const char *token_file;
	const char *basic_auth_file;
	struct raw_ttl *ttl;
	unsigned n_ttl;
};

struct raw_alerts {
	const char **paths;
	unsigned n_paths;
	const char *token_file;
	const char *basic_auth_file;
	const char *hmac_file;
	const char *hmac_header;
	const char **allow;
	unsigned n_allow;
	const char *max_body;
	const char *queue_size;
	const char *max_alerts;
	const char *resolve_after;
	const char *amx_metrics;
};

struct raw_registry_token {
	const char *name;
	const char *scope;
	const char *token_file;
};

struct raw_registry {
	const char *enabled;
	const char *path;
	const char *promtool;
	const char *site;
	const char *external_url;
	const char *open_discovery;
	const char *keep_alerts;
	const char *max_alerts;
	const char *keep_audit;
	struct raw_registry_token *tokens;
	unsigned n_tokens;
};

struct raw_leader {
	const char *kubernetes_lease;
	const char *namespace_;
	const char *identity;
	const char *lease_duration;
	const char *renew_deadline;
	const char *retry_period;
	const char *required;
};

struct raw_config {
	struct raw_global global;
	struct raw_credentials prometheus;
	struct raw_alerts alerts;
	struct raw_leader leader;
	struct raw_registry registry;
	struct raw_gateway gateway;
	struct raw_auth auth;
	struct raw_notification *notifications;
	unsigned n_notifications;
	struct raw_monitor *monitors;
	unsigned n_monitors;
};

#define SCHEMA_MAX_KEYS 128 /* of one section; more than there are */

extern const cyaml_schema_value_t schema_config;

/* The fields of the section `global` that are text, ended by a NULL key; these
 * are flags and variables, too. */
extern const cyaml_schema_field_t schema_global[];

/* Only true and false: a flag may stand without a value. */
bool schema_global_is_bool(const char *key);
