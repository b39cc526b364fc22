/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kind: what the registry keeps: which kinds of objects there are, which
 * fields each has, what may stand in them, and what makes one unique.
 *
 * One table describes all kinds. The store, the JSON of the API, the YAML of
 * files, the audit log and the reference at /docs are made from it, so that a
 * field is added in one place.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"
#include "base/macros.h"
#include "base/slice.h"

/* A kind stands after those that it refers to: in this order they can be
 * loaded, and in the opposite one deleted. */
enum kind {
	KIND_SHARD,    /* a group of Prometheus servers that scrape the same */
	KIND_SERVER,   /* one Prometheus, known by host and port */
	KIND_SERVICE,  /* has projects */
	KIND_PROJECT,  /* of a service, on a shard; has a farm and exporters */
	KIND_FARM,     /* the hosts of a project; it has one at most */
	KIND_HOST,     /* of a farm */
	KIND_EXPORTER, /* of a project: a port and a path of each of its hosts */
	KIND_DEFAULT_EXPORTER, /* a template of those */
	KIND_PROBE,            /* a module of the blackbox exporter */
	KIND_URL,              /* of a project, to be probed */
	KIND_RULE, /* alerting or recording; of all, a service or a project */
	KIND_NOTIFIER, /* who is told of alerts of a service, a project, or all */
	KIND_FILTER,   /* which alerts a notifier wants */
	KIND_NODE,     /* a single address to scrape, as prommgr has them */
	KIND_TOKEN,    /* lets somebody ask */
	N_KINDS,
};

enum field_type {
	FIELD_TEXT,   /* never NULL */
	FIELD_NUMBER, /* int64_t */
	FIELD_FLAG,   /* int64_t, 0 or 1 */
	FIELD_TIME,   /* int64_t, Unix seconds; 0: never, none */
	FIELD_REF,    /* struct object *; NULL where it may be absent */
	FIELD_LABELS, /* struct label_set *; NULL: none; names are unique */
	FIELD_PARAMS, /* the same, but a name may have several values */
};

enum field_flags {
	FIELD_REQUIRED = 1 << 0,  /* must be given, and not be empty */
	FIELD_SECRET = 1 << 1,    /* masked in the audit log and in answers */
	FIELD_READ_ONLY = 1 << 2, /* set by us, never by those who ask */
	FIELD_FIXED = 1 << 3,     /* given when it is made, never changed */
};

/* The fields of each kind, in the order of its table. */
enum {
	SHARD_NAME,
	SHARD_URL,
	SHARD_AUTHORIZATION,
	SHARD_PROXY,
	SHARD_ENABLED,
	SHARD_SAMPLES,
	SHARD_TARGETS,
	N_SHARD_FIELDS
};
enum { SERVER_SHARD, SERVER_HOST, SERVER_PORT, N_SERVER_FIELDS };
enum {
	SERVICE_NAME,
	SERVICE_DESCRIPTION,
	SERVICE_OWNER,
	SERVICE_LABELS,
	N_SERVICE_FIELDS
};
enum {
	PROJECT_NAME,
	PROJECT_SERVICE,
	PROJECT_SHARD,
	PROJECT_DESCRIPTION,
	PROJECT_OWNER,
	PROJECT_LABELS,
	N_PROJECT_FIELDS
};
enum { FARM_NAME, FARM_PROJECT, FARM_SOURCE, FARM_LABELS, N_FARM_FIELDS };
enum { HOST_NAME, HOST_FARM, HOST_LABELS, N_HOST_FIELDS };
enum {
	EXPORTER_JOB,
	EXPORTER_PROJECT,
	EXPORTER_PORT,
	EXPORTER_PATH,
	EXPORTER_SCHEME,
	EXPORTER_ENABLED,
	EXPORTER_PARAMS,
	EXPORTER_LABELS,
	EXPORTER_SCRAPE_INTERVAL,
	EXPORTER_SCRAPE_TIMEOUT,
	N_EXPORTER_FIELDS
};
enum {
	DEFAULT_EXPORTER_JOB,
	DEFAULT_EXPORTER_PORT,
	DEFAULT_EXPORTER_PATH,
	DEFAULT_EXPORTER_SCHEME,
	N_DEFAULT_EXPORTER_FIELDS
};
enum { PROBE_MODULE, PROBE_DESCRIPTION, N_PROBE_FIELDS };
enum { URL_URL, URL_PROJECT, URL_PROBE, N_URL_FIELDS };
/* Neither service nor project: it holds for all. `recording`: `name` is the
 * series that is recorded. `clause` is PromQL and may have the macro
 * <exclude>; `parent` is the rule that this one overrides. */
enum {
	RULE_NAME,
	RULE_SERVICE,
	RULE_PROJECT,
	RULE_PARENT,
	RULE_RECORDING,
	RULE_CLAUSE,
	RULE_DURATION,
	RULE_KEEP_FIRING_FOR,
	RULE_INTERVAL,
	RULE_ENABLED,
	RULE_DESCRIPTION,
	RULE_LABELS,
	RULE_ANNOTATIONS,
	N_RULE_FIELDS
};
/* `sender` is a driver: "promgen.notification.slack", or a preset of webhooks;
 * `value` its address, which may hold a secret. `match`: "any" or "all" of its
 * filters. */
enum {
	NOTIFIER_SENDER,
	NOTIFIER_SERVICE,
	NOTIFIER_PROJECT,
	NOTIFIER_VALUE,
	NOTIFIER_ALIAS,
	NOTIFIER_MATCH,
	NOTIFIER_ENABLED,
	NOTIFIER_OWNER,
	N_NOTIFIER_FIELDS
};
/* `operator`: "=", "!=", "=~" or "!~". */
enum {
	FILTER_NOTIFIER,
	FILTER_NAME,
	FILTER_OPERATOR,
	FILTER_VALUE,
	N_FILTER_FIELDS
};
/* A deleted one keeps its id and may come back; `ip` is unique among the
 * others. */
enum {
	NODE_IP,
	NODE_PORT,
	NODE_COMMENT,
	NODE_DELETED,
	NODE_CREATED_AT,
	NODE_UPDATED_AT,
	NODE_SHARD,
	N_NODE_FIELDS
};
/* `hash`: SHA-256 of the secret in hexadecimal; `scope`: "read", "write",
 * "admin", or "alerts" (may only post alerts). */
enum {
	TOKEN_NAME,
	TOKEN_HASH,
	TOKEN_SCOPE,
	TOKEN_CREATED_AT,
	TOKEN_EXPIRES_AT,
	N_TOKEN_FIELDS
};

#define KIND_MAX_FIELDS 16
#define KIND_MAX_KEYS   2
#define KIND_KEY_FIELDS 6

struct field {
	const char *name; /* of columns, JSON and YAML */
	enum field_type type;
	unsigned flags;
	enum kind to;         /* of FIELD_REF: what it refers to */
	bool cascade;         /* … and goes with; else it becomes NULL */
	const char *fallback; /* as text: the value of one that is not given,
	                         or of an empty text; NULL: empty, 0, absent */
	/* Is the text fit? -EINVAL with words that say what is expected. NULL:
	 * any, up to FIELD_MAX_TEXT bytes of UTF-8 without control characters. */
	int (*check)(struct slice text, struct err *err);
	int64_t min, max; /* of numbers, if not both are 0 */
	const char *help; /* a sentence, for the reference */
};

#define FIELD_MAX_TEXT 4096

struct kind_info {
	const char *name;   /* "default_exporter": of tables and messages */
	const char *plural; /* "default-exporters": of paths */
	const struct field *fields;
	unsigned n_fields;
	/* Fields that together are unique; ended by -1. The first key is the
	 * one by which people and files name it. */
	int keys[KIND_MAX_KEYS][KIND_KEY_FIELDS];
	unsigned n_keys;
	uint32_t max; /* how many there may be */
};

extern const struct kind_info kinds[N_KINDS];

/* By either name; false: there is no such kind. */
bool kind_find(struct slice name, enum kind *kindp);
/* The field of that name; -1: there is none. */
int kind_field(enum kind kind, struct slice name);

/* Checks of text, for tables and for others (each 0 or -EINVAL with words). */
int check_name(struct slice text, struct err *err);       /* of services … */
int check_label_name(struct slice text, struct err *err); /* of a label */
int check_metric_name(struct slice text, struct err *err);
int check_duration(struct slice text, struct err *err); /* of Prometheus */
int check_host(struct slice text, struct err *err);     /* a name, IPv4, IPv6 */
int check_ip(struct slice text, struct err *err);
