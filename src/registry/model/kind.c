/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/model/kind.h"

#include "registry/model/check.h"
#include "registry/model/sender.h"

#define TEXT(field_name, field_flags, field_check, text)                       \
	{                                                                      \
		.name = (field_name), .type = FIELD_TEXT,                      \
		.flags = (field_flags), .check = (field_check), .help = (text) \
	}
#define FALLBACK_TEXT(field_name, field_fallback, field_check, text)  \
	{                                                             \
		.name = (field_name), .type = FIELD_TEXT,             \
		.fallback = (field_fallback), .check = (field_check), \
		.help = (text)                                        \
	}
#define NUMBER(field_name, field_flags, field_fallback, least, most, text) \
	{                                                                  \
		.name = (field_name), .type = FIELD_NUMBER,                \
		.flags = (field_flags), .fallback = (field_fallback),      \
		.min = (least), .max = (most), .help = (text)              \
	}
#define FLAG(field_name, field_flags, field_fallback, text)           \
	{                                                             \
		.name = (field_name), .type = FIELD_FLAG,             \
		.flags = (field_flags), .fallback = (field_fallback), \
		.help = (text)                                        \
	}
#define TIME(field_name, field_flags, text)               \
	{                                                 \
		.name = (field_name), .type = FIELD_TIME, \
		.flags = (field_flags), .help = (text)    \
	}
#define OWNER(field_name, field_flags, kind, text)                     \
	{                                                              \
		.name = (field_name), .type = FIELD_REF,               \
		.flags = (field_flags), .to = (kind), .cascade = true, \
		.help = (text)                                         \
	}
#define REF(field_name, kind, text)                                    \
	{                                                              \
		.name = (field_name), .type = FIELD_REF, .to = (kind), \
		.help = (text)                                         \
	}
#define LABELS(field_name, text)                                           \
	{                                                                  \
		.name = (field_name), .type = FIELD_LABELS, .help = (text) \
	}
#define PARAMS(field_name, text)                                           \
	{                                                                  \
		.name = (field_name), .type = FIELD_PARAMS, .help = (text) \
	}

#define PORT(flags, fallback) \
	NUMBER("port", flags, fallback, 1, 65535, "A port of TCP.")

static const struct field shard_fields[N_SHARD_FIELDS] = {
	[SHARD_NAME] = TEXT("name", FIELD_REQUIRED, check_name,
	                    "What it is called; the label `__shard`."),
	[SHARD_URL] = TEXT("url", 0, check_optional_url,
	                   "Where one of its servers answers queries."),
	[SHARD_AUTHORIZATION] =
		TEXT("authorization", FIELD_SECRET, NULL,
	             "The whole header `Authorization` for that URL."),
	[SHARD_PROXY] = FLAG("proxy", 0, "false",
	                     "Queries may be handed on to its URL."),
	[SHARD_ENABLED] =
		FLAG("enabled", 0, "true", "New projects may be put on it."),
	[SHARD_SAMPLES] = NUMBER("samples", 0, "5000000", 0, INT64_MAX,
	                         "How many series it is made for."),
	[SHARD_TARGETS] = NUMBER("targets", 0, "10000", 0, INT64_MAX,
	                         "How many targets it is made for."),
};

static const struct field server_fields[N_SERVER_FIELDS] = {
	[SERVER_SHARD] = OWNER("shard", FIELD_REQUIRED, KIND_SHARD,
	                       "The shard whose documents it is handed."),
	[SERVER_HOST] = TEXT("host", FIELD_REQUIRED, check_host,
	                     "A name or an address."),
	[SERVER_PORT] = PORT(FIELD_REQUIRED, NULL),
};

static const struct field service_fields[N_SERVICE_FIELDS] = {
	[SERVICE_NAME] = TEXT("name", FIELD_REQUIRED, check_name,
	                      "What it is called; the label `service`."),
	[SERVICE_DESCRIPTION] =
		TEXT("description", 0, check_lines, "Words for people."),
	[SERVICE_OWNER] = TEXT("owner", 0, NULL, "Who answers for it."),
	[SERVICE_LABELS] =
		LABELS("labels", "Labels of all targets of its projects."),
};

static const struct field project_fields[N_PROJECT_FIELDS] = {
	[PROJECT_NAME] = TEXT("name", FIELD_REQUIRED, check_name,
	                      "What it is called; the label `project`."),
	[PROJECT_SERVICE] = OWNER("service", FIELD_REQUIRED, KIND_SERVICE,
	                          "The service that it is a part of."),
	[PROJECT_SHARD] = OWNER("shard", FIELD_REQUIRED, KIND_SHARD,
	                        "The shard that scrapes it."),
	[PROJECT_DESCRIPTION] =
		TEXT("description", 0, check_lines, "Words for people."),
	[PROJECT_OWNER] = TEXT("owner", 0, NULL, "Who answers for it."),
	[PROJECT_LABELS] = LABELS("labels", "Labels of all its targets."),
};

static const struct field farm_fields[N_FARM_FIELDS] = {
	[FARM_NAME] = TEXT("name", FIELD_REQUIRED, check_name,
	                   "What it is called; the label `farm`."),
	[FARM_PROJECT] = OWNER("project", FIELD_REQUIRED | FIELD_FIXED,
	                       KIND_PROJECT, "The project of its hosts."),
	[FARM_SOURCE] = FALLBACK_TEXT("source", "promgen", check_name,
	                              "Where its hosts come from."),
	[FARM_LABELS] = LABELS("labels", "Labels of the targets on its hosts."),
};

static const struct field host_fields[N_HOST_FIELDS] = {
	[HOST_NAME] = TEXT("name", FIELD_REQUIRED, check_host,
	                   "A name or an address; IPv6 without brackets."),
	[HOST_FARM] = OWNER("farm", FIELD_REQUIRED | FIELD_FIXED, KIND_FARM,
	                    "The farm that it is in."),
	[HOST_LABELS] = LABELS("labels", "Labels of the targets on it."),
};

static const struct field exporter_fields[N_EXPORTER_FIELDS] = {
	[EXPORTER_JOB] = TEXT("job", FIELD_REQUIRED, check_name,
	                      "The label `job` of its targets."),
	[EXPORTER_PROJECT] = OWNER("project", FIELD_REQUIRED | FIELD_FIXED,
	                           KIND_PROJECT, "Whose hosts it is on."),
	[EXPORTER_PORT] = PORT(FIELD_REQUIRED, NULL),
	[EXPORTER_PATH] = TEXT("path", 0, check_path,
	                       "The path, maybe with a query; empty: "
	                       "/metrics."),
	[EXPORTER_SCHEME] = FALLBACK_TEXT("scheme", "http", check_scheme,
	                                  "`http` or `https`."),
	[EXPORTER_ENABLED] = FLAG("enabled", 0, "true", "It is scraped."),
	[EXPORTER_PARAMS] =
		PARAMS("params", "Parameters of the URL; of several values of "
	                         "one each is scraped by itself."),
	[EXPORTER_LABELS] = LABELS("labels", "Labels of its targets."),
	[EXPORTER_SCRAPE_INTERVAL] =
		TEXT("scrape_interval", 0, check_positive_duration,
	             "How often; empty: as the server is configured."),
	[EXPORTER_SCRAPE_TIMEOUT] =
		TEXT("scrape_timeout", 0, check_positive_duration,
	             "How long; empty: as the server is configured."),
};

static const struct field default_exporter_fields[N_DEFAULT_EXPORTER_FIELDS] = {
	[DEFAULT_EXPORTER_JOB] =
		TEXT("job", FIELD_REQUIRED, check_name, "The label `job`."),
	[DEFAULT_EXPORTER_PORT] = PORT(FIELD_REQUIRED, NULL),
	[DEFAULT_EXPORTER_PATH] =
		TEXT("path", 0, check_path, "The path; empty: /metrics."),
	[DEFAULT_EXPORTER_SCHEME] = FALLBACK_TEXT(
		"scheme", "http", check_scheme, "`http` or `https`."),
};

static const struct field probe_fields[N_PROBE_FIELDS] = {
	[PROBE_MODULE] = TEXT("module", FIELD_REQUIRED, check_name,
	                      "A module of the blackbox exporter."),
	[PROBE_DESCRIPTION] =
		TEXT("description", 0, check_lines, "Words for people."),
};

static const struct field url_fields[N_URL_FIELDS] = {
	[URL_URL] = TEXT("url", FIELD_REQUIRED, check_web_url,
	                 "What is probed: http or https."),
	[URL_PROJECT] = OWNER("project", FIELD_REQUIRED | FIELD_FIXED,
	                      KIND_PROJECT, "The project that it is of."),
	[URL_PROBE] =
		OWNER("probe", FIELD_REQUIRED, KIND_PROBE, "How it is probed."),
};

static const struct field rule_fields[N_RULE_FIELDS] = {
	[RULE_NAME] = TEXT("name", FIELD_REQUIRED, check_metric_name,
	                   "The name of the alert, or of the series that is "
	                   "recorded."),
	[RULE_SERVICE] = OWNER("service", FIELD_FIXED, KIND_SERVICE,
	                       "The service that it is for."),
	[RULE_PROJECT] = OWNER("project", FIELD_FIXED, KIND_PROJECT,
	                       "The project that it is for."),
	[RULE_PARENT] = REF("parent", KIND_RULE, "The rule that it overrides."),
	[RULE_RECORDING] = FLAG("recording", FIELD_FIXED, "false",
	                        "It records a series and does not alert."),
	[RULE_CLAUSE] = TEXT("clause", FIELD_REQUIRED, check_lines,
	                     "PromQL; `<exclude>` stands for matchers that "
	                     "leave out who overrides it."),
	[RULE_DURATION] = TEXT("duration", 0, check_duration,
	                       "How long it must hold before it fires."),
	[RULE_KEEP_FIRING_FOR] =
		TEXT("keep_firing_for", 0, check_duration,
	             "How long it fires on when it no longer holds."),
	[RULE_INTERVAL] = TEXT("interval", 0, check_positive_duration,
	                       "How often; empty: as the server is "
	                       "configured."),
	[RULE_ENABLED] = FLAG("enabled", 0, "true", "It is handed out."),
	[RULE_DESCRIPTION] =
		TEXT("description", 0, check_lines, "Words for people."),
	[RULE_LABELS] = LABELS("labels", "Labels of its alerts or series."),
	[RULE_ANNOTATIONS] =
		LABELS("annotations", "What its alerts say; templates of "
	                              "Prometheus may stand there."),
};

static const struct field notifier_fields[N_NOTIFIER_FIELDS] = {
	[NOTIFIER_SENDER] = TEXT("sender", FIELD_REQUIRED, sender_check_name,
	                         "What tells: `promgen.notification.slack`, "
	                         "`slack`, `webhook`, …"),
	[NOTIFIER_SERVICE] = OWNER("service", FIELD_FIXED, KIND_SERVICE,
	                           "The service whose alerts it tells."),
	[NOTIFIER_PROJECT] = OWNER("project", FIELD_FIXED, KIND_PROJECT,
	                           "The project whose alerts it tells."),
	[NOTIFIER_VALUE] = TEXT("value", FIELD_REQUIRED | FIELD_SECRET, NULL,
	                        "The address: an URL, a key."),
	[NOTIFIER_ALIAS] =
		TEXT("alias", 0, NULL, "What it is called for people."),
	[NOTIFIER_MATCH] = FALLBACK_TEXT("match", "any", check_match,
	                                 "`any` or `all` of its filters."),
	[NOTIFIER_ENABLED] = FLAG("enabled", 0, "true", "It tells."),
	[NOTIFIER_OWNER] = TEXT("owner", 0, NULL, "Who answers for it."),
};

static const struct field filter_fields[N_FILTER_FIELDS] = {
	[FILTER_NOTIFIER] = OWNER("notifier", FIELD_REQUIRED | FIELD_FIXED,
	                          KIND_NOTIFIER, "Whose alerts it chooses."),
	[FILTER_NAME] = TEXT("name", FIELD_REQUIRED, check_label_name,
	                     "The name of a label."),
	[FILTER_OPERATOR] = FALLBACK_TEXT("operator", "=", check_operator,
	                                  "`=`, `!=`, `=~` or `!~`."),
	[FILTER_VALUE] =
		TEXT("value", 0, NULL, "A value, or a regular expression."),
};

static const struct field node_fields[N_NODE_FIELDS] = {
	[NODE_IP] = TEXT("ip", FIELD_REQUIRED, check_ip,
	                 "IPv4 or IPv6; unique among those that are not "
	                 "deleted."),
	[NODE_PORT] = PORT(0, "9100"),
	[NODE_COMMENT] = TEXT("comment", 0, check_comment, "Words for people."),
	[NODE_DELETED] = FLAG("deleted", FIELD_READ_ONLY, "false",
	                      "It is kept, but not scraped."),
	[NODE_CREATED_AT] =
		TIME("created_at", FIELD_READ_ONLY, "When it was made."),
	[NODE_UPDATED_AT] = TIME("updated_at", FIELD_READ_ONLY,
	                         "When it was last changed."),
	[NODE_SHARD] = OWNER("shard", FIELD_REQUIRED, KIND_SHARD,
	                     "The shard that scrapes it."),
};

static const struct field token_fields[N_TOKEN_FIELDS] = {
	[TOKEN_NAME] = TEXT("name", FIELD_REQUIRED, check_name,
	                    "Whose it is; the audit log says it."),
	[TOKEN_HASH] =
		TEXT("hash", FIELD_REQUIRED | FIELD_READ_ONLY | FIELD_SECRET,
	             check_hash, "SHA-256 of the secret."),
	[TOKEN_SCOPE] = TEXT("scope", FIELD_REQUIRED, check_scope,
	                     "`read`, `write`, `admin`, or `alerts`."),
	[TOKEN_CREATED_AT] =
		TIME("created_at", FIELD_READ_ONLY, "When it was made."),
	[TOKEN_EXPIRES_AT] =
		TIME("expires_at", 0, "When it ends; absent: never."),
};

/* Names, and how many there may be: so many that nobody meets the limit, and
 * so few that all of them fit into memory. */
#define KIND(kind, kind_name, kind_plural, kind_max)                           \
	.name = (kind_name), .plural = (kind_plural), .fields = kind##_fields, \
	.n_fields = ARRAY_SIZE(kind##_fields), .max = (kind_max)

const struct kind_info kinds[N_KINDS] = {
	[KIND_SHARD] = { KIND(shard, "shard", "shards", 1000),
	                 .keys = { { SHARD_NAME, -1 } }, .n_keys = 1 },
	[KIND_SERVER] = { KIND(server, "server", "servers", 10000),
	                  .keys = { { SERVER_HOST, SERVER_PORT, -1 } },
	                  .n_keys = 1 },
	[KIND_SERVICE] = { KIND(service, "service", "services", 100000),
	                   .keys = { { SERVICE_NAME, -1 } }, .n_keys = 1 },
	[KIND_PROJECT] = { KIND(project, "project", "projects", 100000),
	                   .keys = { { PROJECT_NAME, -1 } }, .n_keys = 1 },
	[KIND_FARM] = { KIND(farm, "farm", "farms", 100000),
	                .keys = { { FARM_PROJECT, -1 } }, .n_keys = 1 },
	[KIND_HOST] = { KIND(host, "host", "hosts", 1000000),
	                .keys = { { HOST_NAME, HOST_FARM, -1 } }, .n_keys = 1 },
	[KIND_EXPORTER] = { KIND(exporter, "exporter", "exporters", 1000000),
	                    .keys = { { EXPORTER_JOB, EXPORTER_PROJECT,
	                                EXPORTER_PORT, EXPORTER_PATH,
	                                EXPORTER_SCHEME, -1 } },
	                    .n_keys = 1 },
	[KIND_DEFAULT_EXPORTER] = { KIND(default_exporter, "default_exporter",
	                                 "default-exporters", 1000),
	                            .keys = { { DEFAULT_EXPORTER_JOB,
	                                        DEFAULT_EXPORTER_PORT,
	                                        DEFAULT_EXPORTER_PATH, -1 } },
	                            .n_keys = 1 },
	[KIND_PROBE] = { KIND(probe, "probe", "probes", 1000),
	                 .keys = { { PROBE_MODULE, -1 } }, .n_keys = 1 },
	[KIND_URL] = { KIND(url, "url", "urls", 1000000),
	               .keys = { { URL_URL, URL_PROJECT, URL_PROBE, -1 } },
	               .n_keys = 1 },
	[KIND_RULE] = { KIND(rule, "rule", "rules", 100000),
	                .keys = { { RULE_NAME, -1 } }, .n_keys = 1 },
	[KIND_NOTIFIER] = { KIND(notifier, "notifier", "notifiers", 100000),
	                    .keys = { { NOTIFIER_SENDER, NOTIFIER_SERVICE,
	                                NOTIFIER_PROJECT, NOTIFIER_VALUE,
	                                -1 } },
	                    .n_keys = 1 },
	[KIND_FILTER] = { KIND(filter, "filter", "filters", 1000000),
	                  .keys = { { FILTER_NOTIFIER, FILTER_NAME,
	                              FILTER_OPERATOR, FILTER_VALUE, -1 } },
	                  .n_keys = 1 },
	[KIND_NODE] = { KIND(node, "node", "nodes", 1000000),
	                .keys = { { NODE_IP, -1 } }, .n_keys = 1 },
	[KIND_TOKEN] = { KIND(token, "token", "tokens", 10000),
	                 .keys = { { TOKEN_NAME, -1 }, { TOKEN_HASH, -1 } },
	                 .n_keys = 2 },
};

bool kind_find(struct slice name, enum kind *kindp)
{
	for (int kind = 0; kind < N_KINDS; kind++) {
		if (!slice_is(name, kinds[kind].name) &&
		    !slice_is(name, kinds[kind].plural))
			continue;
		*kindp = (enum kind)kind;
		return true;
	}
	return false;
}

int kind_field(enum kind kind, struct slice name)
{
	for (unsigned i = 0; i < kinds[kind].n_fields; i++) {
		if (slice_is(name, kinds[kind].fields[i].name))
			return (int)i;
	}
	return -1;
}
