/* SPDX-License-Identifier: Apache-2.0 */
/* schema_table: what bodies must be and answers are, where no kind says it. */
#include "registry/http/reference.h"

#define OBJECT(properties) \
	"{\"type\":\"object\",\"properties\":{" properties "}}"
#define OBJECT_OF(required, properties)                     \
	"{\"type\":\"object\",\"required\":[" required "]," \
	"\"properties\":{" properties "}}"
#define STRING     "{\"type\":\"string\"}"
#define INTEGER    "{\"type\":\"integer\"}"
#define BOOLEAN    "{\"type\":\"boolean\"}"
#define MAY_BE(t)  "{\"type\":[" t ",\"null\"]}"
#define ARRAY(of)  "{\"type\":\"array\",\"items\":" of "}"
#define TEXTS      "{\"type\":\"object\",\"additionalProperties\":" STRING "}"
#define NAME_OR_ID "{\"type\":[\"string\",\"integer\"]}"

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
	  "\"old\":" MAY_BE("\"object\"") ",\"new\":" MAY_BE(
		  "\"object\"") "}}}}}" },
	{ "Text", NULL, STRING },
	{ "Any", NULL, "{\"description\":\"Any JSON.\"}" },
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
	            ",\"expires_at\":" MAY_BE("\"string\"")) },
	{ "TokenMade", NULL,
	  OBJECT_OF("\"token\",\"id\",\"name\",\"scope\"",
	            "\"token\":{\"type\":\"string\",\"description\":\"The "
	            "secret; it is shown this once.\"},\"id\":" INTEGER
	            ",\"name\":" STRING ",\"scope\":" STRING
	            ",\"created_at\":" MAY_BE(
			    "\"string\"") ",\"expires_at\":" MAY_BE("\"string"
	                                                            "\"")) },
	{ "Log", NULL,
	  OBJECT_OF(
		  "\"id\",\"user\",\"content_type\",\"object_id\",\"log\","
		  "\"created\",\"new\",\"old\"",
		  "\"id\":" INTEGER ",\"user\":" MAY_BE(
			  "\"string\"") ",\"content_type\":" STRING
					",\"object_id\":" INTEGER
					",\"log\":" STRING
					",\"created\":" STRING
					",\"new\":" MAY_BE(
						"\"objec"
						"t\"") ",\"old\":" MAY_BE("\"ob"
	                                                                  "ject"
	                                                                  "\"") ",\"parent_"
										"content_"
										"type\""
										":" MAY_BE(
											"\"string\"") ",\"p"
												      "aren"
												      "t_"
												      "obje"
												      "ct_"
												      "id\""
												      ":" MAY_BE(
													      "\"integer\"")) },
	{ "OpenApi", NULL, "{\"type\":\"object\"}" },
	{ "Page", "text/html", STRING },
	/* discovery */
	{ "TargetGroup", NULL,
	  OBJECT_OF("\"targets\",\"labels\"",
	            "\"targets\":" ARRAY(STRING) ",\"labels\":" TEXTS) },
	{ "NodeAddress", NULL,
	  OBJECT_OF("\"id\",\"ip\",\"port\"",
	            "\"id\":" INTEGER ",\"ip\":" STRING ",\"port\":" INTEGER) },
	{ "RuleFile", "application/yaml", STRING },
	/* the first API */
	{ "Targets", NULL,
	  ARRAY("{\"$ref\":\"#/components/schemas/TargetGroup\"}") },
	{ "RulesYaml", "application/x-yaml", STRING },
	{ "V1Shard", NULL,
	  OBJECT_OF("\"html\",\"name\",\"url\",\"proxy\",\"enabled\","
	            "\"samples\",\"targets\"",
	            "\"html\":" STRING ",\"name\":" STRING ",\"url\":" STRING
	            ",\"proxy\":" BOOLEAN ",\"enabled\":" BOOLEAN
	            ",\"samples\":" INTEGER ",\"targets\":" INTEGER) },
	{ "V1ShardNew", NULL,
	  OBJECT_OF("\"name\"",
	            "\"name\":" STRING ",\"url\":" STRING ",\"proxy\":" BOOLEAN
	            ",\"enabled\":" BOOLEAN ",\"samples\":" INTEGER
	            ",\"targets\":" INTEGER) },
	{ "V1ShardChange", NULL,
	  OBJECT("\"name\":" STRING ",\"url\":" STRING ",\"proxy\":" BOOLEAN
	         ",\"enabled\":" BOOLEAN ",\"samples\":" INTEGER
	         ",\"targets\":" INTEGER) },
	{ "V1Service", NULL,
	  OBJECT_OF("\"owner\",\"html\",\"name\",\"description\"",
	            "\"owner\":" STRING ",\"html\":" STRING ",\"name\":" STRING
	            ",\"description\":" STRING) },
	{ "V1ServiceNew", NULL,
	  OBJECT_OF("\"name\"", "\"owner\":" STRING ",\"name\":" STRING
	                        ",\"description\":" STRING) },
	{ "V1ServiceChange", NULL,
	  OBJECT("\"owner\":" STRING ",\"name\":" STRING
	         ",\"description\":" STRING) },
	{ "V1Project", NULL,
	  OBJECT_OF("\"owner\",\"service\",\"html\",\"name\",\"description\"",
	            "\"owner\":" STRING ",\"service\":" STRING
	            ",\"html\":" STRING ",\"name\":" STRING
	            ",\"description\":" STRING) },
	{ "V1ProjectNew", NULL,
	  OBJECT_OF("\"name\",\"service\",\"shard\"",
	            "\"name\":" STRING ",\"service\":" NAME_OR_ID
	            ",\"shard\":" NAME_OR_ID ",\"owner\":" STRING
	            ",\"description\":" STRING) },
	{ "V1ProjectChange", NULL,
	  OBJECT("\"name\":" STRING ",\"service\":" NAME_OR_ID
	         ",\"shard\":" NAME_OR_ID ",\"owner\":" STRING
	         ",\"description\":" STRING) },
	{ "V1Farm", NULL,
	  OBJECT_OF("\"id\",\"url\",\"name\",\"source\",\"project\"",
	            "\"id\":" INTEGER ",\"url\":" STRING ",\"name\":" STRING
	            ",\"source\":" STRING ",\"project\":" INTEGER
	            ",\"hosts\":" ARRAY(OBJECT_OF("\"url\",\"name\"",
	                                          "\"url\":" STRING
	                                          ",\"name\":" STRING))) },
	{ "V1FarmNew", NULL,
	  OBJECT_OF("\"name\"", "\"name\":" STRING ",\"source\":" STRING
	                        ",\"project\":" NAME_OR_ID) },
	{ "V1FarmChange", NULL,
	  OBJECT("\"name\":" STRING ",\"source\":" STRING
	         ",\"project\":" NAME_OR_ID) },
	{ "V1Notifier", NULL,
	  OBJECT_OF("\"id\",\"owner\",\"label\",\"sender\",\"value\",\"alias\","
	            "\"object_id\",\"enabled\",\"content_type\"",
	            "\"id\":" INTEGER ",\"owner\":" STRING ",\"label\":" STRING
	            ",\"sender\":" STRING ",\"value\":" MAY_BE(
			    "\"string\"") ",\"alias\":" STRING
	                                  ",\"object_id\":" INTEGER
	                                  ",\"enabled\":" BOOLEAN
	                                  ",\"content_type\":" STRING) },
	{ "PrometheusAnswer", NULL,
	  OBJECT_OF("\"status\"", "\"status\":" STRING ",\"data\":"
	                          "{}") },
	/* prommgr */
	{ "PrommgrServer", NULL,
	  OBJECT_OF("\"comment\",\"created_at\",\"deleted\",\"id\",\"server_"
	            "ip\",\"server_port\",\"updated_at\"",
	            "\"comment\":" STRING ",\"created_at\":" STRING
	            ",\"deleted\":" BOOLEAN ",\"id\":" INTEGER
	            ",\"server_ip\":" STRING ",\"server_port\":" INTEGER
	            ",\"updated_at\":" STRING) },
	{ "PrommgrServerNew", NULL,
	  OBJECT_OF("\"server_ip\"",
	            "\"server_ip\":" STRING ",\"server_port\":" INTEGER
	            ",\"comment\":" STRING ",\"shard\":" NAME_OR_ID) },
	/* workers */
	{
		"Wanted", NULL,
		OBJECT_OF(
			"\"revision\",\"id\",\"shard\",\"documents\"",
			"\"revision\":" INTEGER ",\"id\":" STRING
			",\"shard\":" STRING ",\"documents\":" OBJECT_OF(
				"\"targets\",\"urls\",\"rules\",\"nodes\"",
				"\"targets\":" OBJECT_OF(
					"\"etag\",\"revision\",\"path\"",
					"\"etag\":" STRING
					",\"revision\":" INTEGER
					",\"path\":" STRING) ",\"urls\""
	                                                     ":" OBJECT_OF("\"e"
	                                                                   "tag"
	                                                                   "\","
	                                                                   "\"r"
	                                                                   "evi"
	                                                                   "sio"
	                                                                   "n\""
	                                                                   ",\""
	                                                                   "pat"
	                                                                   "h"
	                                                                   "\"",
	                                                                   "\"e"
	                                                                   "tag"
	                                                                   "\""
	                                                                   ":" STRING
	                                                                   ",\""
	                                                                   "rev"
	                                                                   "isi"
	                                                                   "on"
	                                                                   "\""
	                                                                   ":" INTEGER
	                                                                   ",\""
	                                                                   "pat"
	                                                                   "h\""
	                                                                   ":" STRING) ",\"rules\":" OBJECT_OF("\"etag\",\"revision\",\"path\"",
	                                                                                                       "\"etag\":" STRING
	                                                                                                       ",\"revision\":" INTEGER
	                                                                                                       ",\"path\":" STRING) ",\"nodes\":" OBJECT_OF("\"etag\",\"revision\",\"path\"",
	                                                                                                                                                    "\"etag\":" STRING
	                                                                                                                                                    ",\"revision\":" INTEGER
	                                                                                                                                                    ",\"path\":" STRING))) },
	{ "WantedEvents", "text/event-stream", STRING },
	{ "WorkerReport", NULL,
	  OBJECT_OF("\"server\"",
	            "\"server\":" STRING ",\"revision\":" INTEGER
	            ",\"written\":" TEXTS ",\"loaded\":" MAY_BE(
			    "\"boolean\"") ",\"error\":" STRING
	                                   ",\"version\":" STRING) },
	{ "ServerStatusList", NULL,
	  OBJECT_OF(
		  "\"revision\",\"servers\"",
		  "\"revision\":" INTEGER ",\"servers\":" ARRAY(OBJECT_OF(
			  "\"id\",\"server\",\"shard\",\"sync\",\"in_sync\","
	                  "\"connected\",\"wanted_revision\",\"revision\","
	                  "\"written\",\"loaded\",\"error\",\"explanation\","
	                  "\"version\",\"reported_at\",\"age_seconds\","
	                  "\"since\"",
			  "\"id\":" INTEGER ",\"server\":" STRING
			  ",\"shard\":" STRING ",\"sync\":" STRING
			  ",\"in_sync\":" BOOLEAN ",\"connected\":" BOOLEAN
			  ",\"wanted_revision\":" INTEGER
			  ",\"revision\":" INTEGER ",\"written\":" TEXTS
			  ",\"loaded\":" MAY_BE(
				  "\"boolean\"") ",\"error\":" STRING
						 ",\"explanation\":" STRING
						 ",\"version\":" STRING
						 ",\"reported_at\":"
						 "{\"type\":[\"string\","
	                                         "\"integer\",\"null\"]}"
						 ",\"age_seconds\":" MAY_BE(
							 "\"number\"") ",\"sinc"
	                                                               "e\""
	                                                               ":" INTEGER))) },
	{ "TargetExplanation", NULL,
	  OBJECT_OF(
		  "\"address\",\"found\",\"n_found\",\"verdict\",\"summary\","
	          "\"near\"",
		  "\"address\":" STRING ",\"found\":" ARRAY(
			  "{\"type\":\"object\"}") ",\"n_found\":" INTEGER
						   ",\"verdict\":" STRING
						   ",\"summary\":" STRING
						   ",\"near\":" ARRAY("{}")) },
	/* all at once */
	/* alerts */
	{ NULL, NULL, NULL },
};
