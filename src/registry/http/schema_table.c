/* SPDX-License-Identifier: Apache-2.0 */
/* schema_table: what bodies must be and answers are, where no kind says it. */
#include "registry/http/reference.h"

#define OBJECT(properties) \
	"{\"type\":\"object\",\"properties\":{" properties "}}"
#define OBJECT_OF(required, properties)                     \
	"{\"type\":\"object\",\"required\":[" required "]," \
	"\"properties\":{" properties "}}"
#define STRING       "{\"type\":\"string\"}"
#define INTEGER      "{\"type\":\"integer\"}"
#define BOOLEAN      "{\"type\":\"boolean\"}"
#define MAY_BE(t)    "{\"type\":[" t ",\"null\"]}"
#define ARRAY(of)    "{\"type\":\"array\",\"items\":" of "}"
#define NULL_STRING  MAY_BE("\"string\"")
#define NULL_INTEGER MAY_BE("\"integer\"")
#define NULL_BOOLEAN MAY_BE("\"boolean\"")
#define NULL_OBJECT  MAY_BE("\"object\"")
#define TEXTS        ARRAY(STRING)
#define TO(name)     "{\"$ref\":\"#/components/schemas/" name "\"}"
#define REF          "{\"type\":[\"string\",\"integer\"]}" /* name or id */
#define MOMENT       "{\"type\":\"string\",\"format\":\"date-time\"}"

/* what may be written in the first API, and what of that is also answered */
#define V1_SHARD                                                    \
	"\"name\":" STRING ",\"url\":" STRING ",\"proxy\":" BOOLEAN \
	",\"enabled\":" BOOLEAN ",\"samples\":" INTEGER             \
	",\"targets\":" INTEGER
#define V1_NAMED \
	"\"name\":" STRING ",\"description\":" STRING ",\"owner\":" STRING
#define V1_PROJECT "\"service\":" REF ",\"shard\":" REF "," V1_NAMED
#define V1_FARM    "\"name\":" STRING ",\"source\":" STRING ",\"project\":" REF
#define PROMMGR_SERVER                                          \
	"\"comment\":{\"type\":\"string\",\"maxLength\":250},"  \
	"\"server_ip\":" STRING                                 \
	",\"server_port\":{\"type\":\"integer\",\"minimum\":1," \
	"\"maximum\":65535}"

/* how far a server is */
#define PROGRESS_REQUIRED \
	"\"sync\",\"in_sync\",\"connected\",\"error\",\"explanation\""
#define PROGRESS                                                              \
	"\"sync\":{\"enum\":[\"unknown\",\"in_sync\",\"behind\",\"lost\","    \
	"\"failed\"]},\"in_sync\":" BOOLEAN ",\"connected\":" BOOLEAN         \
	",\"wanted_revision\":" INTEGER ",\"revision\":" INTEGER              \
	",\"written\":{\"type\":\"object\",\"additionalProperties\":" BOOLEAN \
	"}"                                                                   \
	",\"loaded\":" NULL_BOOLEAN ",\"error\":" STRING                      \
	",\"explanation\":" STRING ",\"version\":" STRING                     \
	",\"reported_at\":" NULL_INTEGER ",\"age_seconds\":" NULL_INTEGER     \
	",\"since\":" NULL_INTEGER

const struct registry_schema registry_schemas[] = {
	/* what any route may answer */
	{ "Problem", NULL,
	  "{\"type\":\"object\",\"description\":\"What is wrong: `detail` in "
	  "words, or of each field that is wrong a list of sentences.\","
	  "\"properties\":{\"detail\":" STRING ",\"promtool\":" STRING "},"
	  "\"additionalProperties\":true,"
	  "\"examples\":[{\"detail\":\"there is no project 12\"},"
	  "{\"port\":[\"must be from 1 to 65535\"]}]}" },
	{ "DryRun", NULL,
	  "{\"type\":\"object\",\"description\":\"What an edit would change; "
	  "nothing is kept.\",\"required\":[\"dry_run\",\"changes\"],"
	  "\"properties\":{\"dry_run\":{\"const\":true},\"changes\":"
	  "{\"type\":\"array\",\"items\":{\"type\":\"object\",\"required\":"
	  "[\"op\",\"kind\",\"id\",\"title\",\"old\",\"new\"],\"properties\":"
	  "{\"op\":{\"enum\":[\"created\",\"updated\",\"deleted\"]},"
	  "\"kind\":" STRING ",\"id\":" INTEGER ",\"title\":" STRING ","
	  "\"old\":" NULL_OBJECT ",\"new\":" NULL_OBJECT "}}}}}" },
	{ "Text", NULL, STRING },
	/* the second API */
	{ "HostList", NULL,
	  OBJECT_OF("\"hosts\"",
	            "\"hosts\":{\"type\":\"array\",\"minItems\":1,\"items\":"
	            "{\"oneOf\":[" STRING
	            "," OBJECT_OF("\"name\"",
	                          "\"name\":" STRING
	                          ",\"labels\":{\"type\":\"object\"}") "]}}") },
	{ "RuleOverride", NULL,
	  OBJECT_OF("\"original_rule_id\"",
	            "\"original_rule_id\":" INTEGER
	            ",\"overrides\":{\"type\":\"object\","
	            "\"description\":\"Fields of a rule that are to be others "
	            "than the original's.\"}") },
	{ "Site", NULL,
	  OBJECT_OF("\"id\",\"domain\",\"name\"",
	            "\"id\":" INTEGER ",\"domain\":" STRING
	            ",\"name\":" STRING) },
	{ "User", NULL,
	  OBJECT_OF("\"id\",\"username\",\"is_superuser\",\"scope\"",
	            "\"id\":" INTEGER ",\"username\":" STRING
	            ",\"email\":" STRING ",\"first_name\":" STRING
	            ",\"last_name\":" STRING ",\"is_staff\":" BOOLEAN
	            ",\"is_superuser\":" BOOLEAN ",\"scope\":" STRING
	            ",\"expires_at\":" NULL_STRING) },
	{ "TokenMade", NULL,
	  OBJECT_OF("\"token\",\"id\",\"name\",\"scope\"",
	            "\"token\":{\"type\":\"string\",\"description\":\"The "
	            "secret; it is shown this once.\"},\"id\":" INTEGER
	            ",\"name\":" STRING ",\"scope\":" STRING
	            ",\"created_at\":" NULL_STRING
	            ",\"expires_at\":" NULL_STRING) },
	{ "Log", NULL,
	  OBJECT_OF("\"id\",\"user\",\"content_type\",\"object_id\",\"log\","
	            "\"created\",\"new\",\"old\"",
	            "\"id\":" INTEGER ",\"user\":" NULL_STRING
	            ",\"content_type\":" STRING ",\"object_id\":" INTEGER
	            ",\"log\":" STRING ",\"created\":" MOMENT
	            ",\"new\":" NULL_OBJECT ",\"old\":" NULL_OBJECT
	            ",\"parent_content_type\":" NULL_STRING
	            ",\"parent_object_id\":" NULL_INTEGER) },
	{ "OpenApi", NULL, "{\"type\":\"object\"}" },
	{ "Page", "text/html", STRING },
	{ "File", "application/vnd.sqlite3",
	  "{\"type\":\"string\",\"format\":\"binary\"}" },
	/* discovery */
	{ "TargetGroup", NULL,
	  OBJECT_OF("\"targets\",\"labels\"",
	            "\"targets\":" TEXTS ",\"labels\":{\"type\":\"object\","
	            "\"additionalProperties\":" STRING "}") },
	{ "NodeAddress", NULL,
	  OBJECT_OF("\"id\",\"ip\",\"port\"",
	            "\"id\":" INTEGER ",\"ip\":" STRING ",\"port\":" INTEGER) },
	{ "RuleFile", "application/yaml", STRING },
	/* the first API */
	{ "RulesYaml", "application/x-yaml", STRING },
	{ "V1Shard", NULL,
	  OBJECT_OF("\"html\",\"name\",\"url\",\"proxy\",\"enabled\","
	            "\"samples\",\"targets\"",
	            "\"html\":" STRING "," V1_SHARD) },
	{ "V1ShardNew", NULL, OBJECT_OF("\"name\"", V1_SHARD) },
	{ "V1ShardChange", NULL, OBJECT(V1_SHARD) },
	{ "V1Service", NULL,
	  OBJECT_OF("\"owner\",\"html\",\"name\",\"description\"",
	            "\"html\":" STRING "," V1_NAMED) },
	{ "V1ServiceNew", NULL, OBJECT_OF("\"name\"", V1_NAMED) },
	{ "V1ServiceChange", NULL, OBJECT(V1_NAMED) },
	{ "V1Project", NULL,
	  OBJECT_OF("\"owner\",\"service\",\"html\",\"name\","
	            "\"description\"",
	            "\"html\":" STRING ",\"service\":" STRING "," V1_NAMED) },
	{ "V1ProjectNew", NULL,
	  OBJECT_OF("\"name\",\"service\",\"shard\"", V1_PROJECT) },
	{ "V1ProjectChange", NULL, OBJECT(V1_PROJECT) },
	{ "V1Farm", NULL,
	  OBJECT_OF("\"id\",\"url\",\"name\",\"source\",\"project\"",
	            "\"id\":" INTEGER ",\"url\":" STRING ",\"name\":" STRING
	            ",\"source\":" STRING ",\"project\":" INTEGER
	            ",\"hosts\":" ARRAY(OBJECT_OF("\"url\",\"name\"",
	                                          "\"url\":" STRING
	                                          ",\"name\":" STRING))) },
	{ "V1FarmNew", NULL, OBJECT_OF("\"name\",\"project\"", V1_FARM) },
	{ "V1FarmChange", NULL, OBJECT(V1_FARM) },
	{ "V1Notifier", NULL,
	  OBJECT_OF("\"id\",\"owner\",\"label\",\"sender\",\"value\","
	            "\"alias\",\"object_id\",\"enabled\",\"content_type\"",
	            "\"id\":" INTEGER ",\"owner\":" STRING ",\"label\":" STRING
	            ",\"sender\":" STRING ",\"value\":" NULL_STRING
	            ",\"alias\":" STRING ",\"object_id\":" INTEGER
	            ",\"enabled\":" BOOLEAN
	            ",\"content_type\":{\"enum\":[\"service\","
	            "\"project\"]}") },
	{ "PrometheusAnswer", NULL,
	  OBJECT_OF("\"status\"",
	            "\"status\":" STRING ",\"data\":{\"type\":\"object\"}") },
	/* prommgr */
	{ "PrommgrServer", NULL,
	  OBJECT_OF("\"comment\",\"created_at\",\"deleted\",\"id\","
	            "\"server_ip\",\"server_port\",\"updated_at\"",
	            "\"created_at\":" MOMENT ",\"deleted\":" BOOLEAN
	            ",\"id\":" INTEGER ",\"updated_at\":" MOMENT
	            "," PROMMGR_SERVER) },
	{ "PrommgrServerNew", NULL,
	  OBJECT_OF("\"server_ip\"", "\"shard\":" REF "," PROMMGR_SERVER) },
	/* workers */
	{ "Wanted", NULL,
	  OBJECT_OF("\"revision\",\"id\",\"shard\",\"documents\"",
	            "\"revision\":" INTEGER ",\"id\":" STRING
	            ",\"shard\":" STRING
	            ",\"documents\":{\"type\":\"object\",\"description\":"
	            "\"By kind: targets, urls, rules, nodes.\","
	            "\"additionalProperties\":" OBJECT_OF(
			    "\"etag\",\"revision\",\"path\"",
			    "\"etag\":" STRING ",\"revision\":" INTEGER
			    ",\"path\":" STRING) "}") },
	{ "WantedEvents", "text/event-stream",
	  "{\"type\":\"string\",\"description\":\"Events `documents`, whose "
	  "data is a Wanted; `gone` when the server is not known any "
	  "more.\"}" },
	{ "WorkerReport", NULL,
	  OBJECT_OF("\"server\"",
	            "\"server\":" STRING ",\"revision\":" INTEGER
	            ",\"version\":" STRING
	            ",\"written\":{\"type\":\"object\",\"description\":\"The "
	            "etags of what is on disk, by kind.\","
	            "\"additionalProperties\":" STRING "}"
	            ",\"loaded\":" NULL_BOOLEAN ",\"error\":" STRING) },
	{ "ServerStatus", NULL,
	  OBJECT_OF("\"id\",\"server\",\"shard\"," PROGRESS_REQUIRED,
	            "\"id\":" INTEGER ",\"server\":" STRING ",\"shard\":" STRING
	            "," PROGRESS) },
	{ "ServerProgress", NULL, OBJECT_OF(PROGRESS_REQUIRED, PROGRESS) },
	{ "ServerStatusList", NULL,
	  OBJECT_OF("\"revision\",\"servers\"",
	            "\"revision\":" INTEGER
	            ",\"servers\":" ARRAY(TO("ServerStatus"))) },
	{ "TargetFound", NULL,
	  OBJECT_OF("\"kind\",\"id\",\"title\",\"scraped\",\"problems\","
	            "\"notes\"",
	            "\"kind\":" STRING ",\"id\":" INTEGER ",\"title\":" STRING
	            ",\"shard\":" NULL_STRING ",\"job\":" NULL_STRING
	            ",\"scraped\":" BOOLEAN ",\"problems\":" TEXTS
	            ",\"notes\":" TEXTS) },
	{ "TargetExplanation", NULL,
	  OBJECT_OF("\"address\",\"verdict\",\"summary\",\"found\","
	            "\"near\"",
	            "\"address\":" STRING
	            ",\"verdict\":{\"enum\":[\"scraped\",\"doubtful\","
	            "\"not_scraped\",\"not_found\"]},\"summary\":" STRING
	            ",\"n_found\":" INTEGER ",\"near\":" TEXTS
	            ",\"found\":" ARRAY(TO("TargetFound"))) },
	/* all at once */
	{ "Document", "application/yaml,application/json",
	  "{\"type\":\"object\",\"description\":\"All objects, named "
	  "and nested; `bouncer registry export` writes one.\"}" },
	{ "Import", NULL,
	  "{\"type\":[\"object\",\"array\"],\"description\":\"What the "
	  "other registry answers.\"}" },
	{ "Plan", NULL,
	  OBJECT_OF("\"dry_run\",\"created\",\"updated\",\"deleted\","
	            "\"changes\"",
	            "\"dry_run\":" BOOLEAN ",\"created\":" INTEGER
	            ",\"updated\":" INTEGER ",\"deleted\":" INTEGER
	            ",\"changes\":" ARRAY("{\"type\":\"object\"}")) },
	/* alerts */
	{ "AlertMessage", NULL,
	  "{\"type\":\"object\",\"description\":\"What Alertmanager's webhook "
	  "sends.\"}" },
	{ "AlertRouting", NULL,
	  OBJECT_OF("\"told\",\"labels\",\"notifiers\"",
	            "\"told\":" INTEGER ",\"labels\":" ARRAY(
			    "{\"type\":\"object\"}") ","
	                                             "\"notifiers\":" ARRAY(
							     "{\"type\":"
							     "\"object\"}")) },
	{ "AlertKept", NULL,
	  OBJECT_OF("\"id\",\"received\",\"status\",\"told\"",
	            "\"id\":" INTEGER ",\"received\":" STRING
	            ",\"status\":" STRING ",\"receiver\":" STRING
	            ",\"group_key\":" STRING ",\"alerts\":" INTEGER
	            ",\"told\":" INTEGER ",\"deliveries\":{\"type\":"
	            "\"object\"},\"labels\":" NULL_OBJECT) },
	{ "AlertWhole", NULL,
	  OBJECT_OF("\"id\",\"routing\",\"message\",\"delivered\"",
	            "\"id\":" INTEGER ",\"routing\":{\"type\":\"object\"},"
	            "\"message\":{\"type\":\"object\"},"
	            "\"delivered\":" ARRAY("{\"type\":\"object\"}")) },
	{ "AlertReplay", NULL,
	  OBJECT_OF("\"deliveries\"", "\"deliveries\":" INTEGER) },
	{ "Delivery", NULL,
	  OBJECT_OF("\"id\",\"alert_id\",\"notifier_id\",\"state\"",
	            "\"id\":" INTEGER ",\"alert_id\":" INTEGER
	            ",\"notifier_id\":" INTEGER ",\"sender\":" STRING
	            ",\"state\":" STRING ",\"tries\":" INTEGER
	            ",\"due\":" NULL_STRING ",\"created\":" STRING
	            ",\"ended\":" NULL_STRING ",\"words\""
	            ":" STRING) },
	{ "NotifierTest", NULL,
	  OBJECT_OF("\"sent\"", "\"sent\":" BOOLEAN ",\"answer\":" STRING) },
	{ NULL, NULL, NULL },
};
