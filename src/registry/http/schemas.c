/* SPDX-License-Identifier: Apache-2.0 */
/* schemas: what bodies must be and what answers are. */
#include "registry/http/reference.h"

#include "base/text.h"
#include "registry/model/check.h"

#define NAME_MAX_SCHEMA 64

#define STRING    "{\"type\":\"string\"}"
#define INTEGER   "{\"type\":\"integer\"}"
#define MAY_BE(t) "{\"type\":[" t ",\"null\"]}"
#define ARRAY(of) "{\"type\":\"array\",\"items\":" of "}"
#define OBJECT_OF(required, properties)                     \
	"{\"type\":\"object\",\"required\":[" required "]," \
	"\"properties\":{" properties "}}"

/* --- fields ----------------------------------------------------------------- */

enum mode {
	MODE_ANSWER,
	MODE_NEW,    /* a POST: what is the path's to say is not there */
	MODE_PUT,    /* what cannot be changed may stand there as it is */
	MODE_CHANGE, /* a PATCH: nothing is required */
};

static const char *const mode_suffixes[] = {
	[MODE_ANSWER] = "",
	[MODE_NEW] = "New",
	[MODE_PUT] = "Put",
	[MODE_CHANGE] = "Change",
};

/* What is known of a text, by what checks it. */
static const struct {
	int (*check)(struct slice text, struct err *err);
	const char *schema;
} checks[] = {
	{ check_scheme, "\"enum\":[\"http\",\"https\"]" },
	{ check_match, "\"enum\":[\"any\",\"all\"]" },
	{ check_operator, "\"enum\":[\"=\",\"!=\",\"=~\",\"!~\"]" },
	{ check_scope, "\"enum\":[\"read\",\"write\",\"admin\",\"alerts\"]" },
	{ check_web_url, "\"format\":\"uri\"" },
};

static bool is_number_field(const struct field *field)
{
	return field->type == FIELD_NUMBER && (field->min || field->max);
}

static void write_type(struct buf *out, const struct field *field,
                       enum mode mode, bool nullable)
{
	const char *null = nullable ? ",\"null\"" : "";

	switch (field->type) {
	case FIELD_TEXT:
		(void)buf_printf(out, "\"type\":[\"string\"%s]", null);
		break;
	case FIELD_NUMBER:
		(void)buf_puts(out, "\"type\":\"integer\"");
		break;
	case FIELD_FLAG:
		(void)buf_puts(out, "\"type\":\"boolean\"");
		break;
	case FIELD_TIME:
		(void)buf_puts(out,
		               mode == MODE_ANSWER
		                       ? "\"type\":[\"string\",\"null\"],"
		                         "\"format\":\"date-time\""
		                       : "\"type\":[\"string\",\"integer\","
		                         "\"null\"]");
		break;
	case FIELD_REF:
		(void)buf_printf(out, "\"type\":[\"string\",\"integer\"%s]",
		                 field->flags & FIELD_REQUIRED ? ""
		                                               : ",\"null\"");
		break;
	case FIELD_LABELS:
		(void)buf_puts(out, "\"type\":\"object\","
		                    "\"additionalProperties\":" STRING);
		break;
	case FIELD_PARAMS:
		(void)buf_puts(out, "\"type\":\"object\","
		                    "\"additionalProperties\":{\"oneOf\":"
		                    "[" STRING "," ARRAY(STRING) "]}");
	}
	if (is_number_field(field))
		(void)buf_printf(out, ",\"minimum\":%lld,\"maximum\":%lld",
		                 (long long)field->min, (long long)field->max);
}

static void write_known(struct buf *out, const struct field *field)
{
	bool quoted = field->type == FIELD_TEXT;

	for (size_t i = 0; i < ARRAY_SIZE(checks); i++) {
		if (field->check && field->check == checks[i].check)
			(void)buf_printf(out, ",%s", checks[i].schema);
	}
	if (field->fallback)
		(void)buf_printf(out, ",\"default\":%s%s%s", quoted ? "\"" : "",
		                 field->fallback, quoted ? "\"" : "");
}

static void write_field(struct json_writer *json, const struct field *field,
                        enum mode mode, bool nullable)
{
	struct buf text;

	buf_init(&text, REGISTRY_ANSWER_MAX);
	(void)buf_putc(&text, '{');
	write_type(&text, field, mode, nullable);
	write_known(&text, field);
	if (mode != MODE_ANSWER && (field->flags & FIELD_REQUIRED) &&
	    field->type == FIELD_TEXT)
		(void)buf_puts(&text, ",\"minLength\":1");
	(void)buf_puts(&text, ",\"description\":\"");
	text_escape_json(&text, slice_from(field->help));
	if (mode == MODE_ANSWER && (field->flags & FIELD_SECRET))
		(void)buf_printf(&text,
		                 " `******` for tokens of a scope "
		                 "below %s.",
		                 nullable ? "write" : "admin");
	(void)buf_puts(&text, "\"}");
	json_write_key(json, field->name);
	json_write_raw(json, buf_slice(&text));
	if (text.failed)
		json->buf->failed = text.failed;
	buf_fini(&text);
}

static void write_raw(struct json_writer *json, const char *name,
                      const char *schema)
{
	json_write_key(json, name);
	json_write_raw(json, slice_from(schema));
}

/* --- answers ---------------------------------------------------------------- */

/* Refs as numbers: as v2_view.c shows them. */
static bool has_content(enum kind kind)
{
	return kind == KIND_RULE || kind == KIND_NOTIFIER;
}

/* Members beside the fields. */
static const struct {
	enum kind kind;
	const char *name;
	const char *schema;
} extras[] = {
	{ KIND_SHARD, "targets_count",
	  "{\"type\":\"integer\",\"description\":\"How many targets it is "
	  "handed.\"}" },
	{ KIND_SHARD, "samples_count",
	  "{\"type\":[\"integer\",\"null\"],\"description\":\"Not known.\"}" },
	{ KIND_SERVER, "status",
	  "{\"oneOf\":[{\"$ref\":\"#/components/schemas/ServerProgress\"},"
	  "{\"type\":\"null\",\"description\":\"In the answer of an "
	  "edit.\"}]}" },
	{ KIND_FARM, "remote",
	  "{\"type\":\"boolean\",\"description\":\"Its hosts come from "
	  "another source than ours.\"}" },
	{ KIND_RULE, "content_type",
	  "{\"enum\":[\"site\",\"service\",\"project\"]}" },
	{ KIND_RULE, "content_name", MAY_BE("\"string\"") },
	{ KIND_RULE, "object_id", INTEGER },
	{ KIND_NOTIFIER, "content_type",
	  "{\"enum\":[\"site\",\"service\",\"project\"]}" },
	{ KIND_NOTIFIER, "content_name", MAY_BE("\"string\"") },
	{ KIND_NOTIFIER, "object_id", INTEGER },
	{ KIND_NOTIFIER, "filters",
	  ARRAY(OBJECT_OF("\"id\",\"name\",\"operator\",\"value\"",
	                  "\"id\":" INTEGER ",\"name\":" STRING
	                  ",\"operator\":" STRING ",\"value\":" STRING)) },
};

static void write_ref_answer(struct json_writer *json, enum kind kind,
                             const struct field *field)
{
	char id[NAME_MAX_SCHEMA];
	bool sure = field->flags & FIELD_REQUIRED;

	if (has_content(kind)) {
		write_raw(json, field->name,
		          sure ? INTEGER : MAY_BE("\"integer\""));
		return;
	}
	write_raw(json, field->name, sure ? STRING : MAY_BE("\"string\""));
	(void)snprintf(id, sizeof(id), "%s_id", field->name);
	write_raw(json, id, sure ? INTEGER : MAY_BE("\"integer\""));
}

/* Is the field of a rule or notifier said by content_type and object_id? Is it
 * a digest? */
static bool is_hidden(enum kind kind, unsigned nth)
{
	return (kind == KIND_RULE &&
	        (nth == RULE_SERVICE || nth == RULE_PROJECT)) ||
	       (kind == KIND_NOTIFIER &&
	        (nth == NOTIFIER_SERVICE || nth == NOTIFIER_PROJECT)) ||
	       (kind == KIND_TOKEN && nth == TOKEN_HASH);
}

static void write_answer_fields(struct json_writer *json, enum kind kind)
{
	write_raw(json, "id", INTEGER);
	for (unsigned i = 0; i < kinds[kind].n_fields; i++) {
		const struct field *field = &kinds[kind].fields[i];

		if (is_hidden(kind, i))
			continue;
		if (field->type == FIELD_REF)
			write_ref_answer(json, kind, field);
		else
			write_field(json, field, MODE_ANSWER,
			            kind == KIND_NOTIFIER &&
			                    i == NOTIFIER_VALUE);
	}
	for (size_t i = 0; i < ARRAY_SIZE(extras); i++) {
		if (extras[i].kind == kind)
			write_raw(json, extras[i].name, extras[i].schema);
	}
}

/* --- requests --------------------------------------------------------------- */

/* The path says it. */
static bool is_of_path(enum kind kind, unsigned nth)
{
	const struct field *field = &kinds[kind].fields[nth];

	return field->type == FIELD_REF &&
	       ((field->flags & FIELD_FIXED) ||
	        (kind == KIND_PROJECT && nth == PROJECT_SERVICE));
}

static bool may_give(enum kind kind, unsigned nth, enum mode mode)
{
	const struct field *field = &kinds[kind].fields[nth];

	if (field->flags & FIELD_READ_ONLY)
		return false;
	return mode == MODE_NEW ? !is_of_path(kind, nth)
	                        : !(field->flags & FIELD_FIXED);
}

static bool is_required(enum kind kind, unsigned nth, enum mode mode)
{
	const struct field *field = &kinds[kind].fields[nth];

	return mode != MODE_CHANGE && may_give(kind, nth, mode) &&
	       (field->flags & FIELD_REQUIRED) && !field->fallback &&
	       !(kind == KIND_NODE && nth == NODE_SHARD && mode == MODE_NEW);
}

static void write_request_fields(struct json_writer *json, enum kind kind,
                                 enum mode mode)
{
	for (unsigned i = 0; i < kinds[kind].n_fields; i++) {
		if (may_give(kind, i, mode))
			write_field(json, &kinds[kind].fields[i], mode, false);
	}
	if (kind == KIND_FARM && mode == MODE_NEW)
		write_raw(json, "hosts",
		          ARRAY("{\"type\":[\"string\",\"object\"]}"));
	if (kind == KIND_NOTIFIER && mode == MODE_NEW)
		write_raw(json, "filters",
		          ARRAY("{\"$ref\":\"#/components/schemas/"
		                "FilterNew\"}"));
	if (kind == KIND_TOKEN && mode == MODE_NEW)
		write_raw(json, "expires_in",
		          "{\"type\":\"integer\",\"minimum\":1,"
		          "\"description\":\"Seconds until it ends.\"}");
}

static void write_required(struct json_writer *json, enum kind kind,
                           enum mode mode)
{
	json_write_key(json, "required");
	json_write_array(json);
	for (unsigned i = 0; i < kinds[kind].n_fields; i++) {
		if (mode == MODE_ANSWER ? !is_hidden(kind, i)
		                        : is_required(kind, i, mode))
			json_write_string(json, kinds[kind].fields[i].name);
	}
	json_write_array_end(json);
}

/* --- all of them ------------------------------------------------------------ */

/* "DefaultExporterNew" */
static void name_schema(enum kind kind, enum mode mode, char *out)
{
	bool upper = true;
	size_t n = 0;

	for (const char *c = kinds[kind].name; *c; c++) {
		if (*c == '_') {
			upper = true;
			continue;
		}
		out[n++] = (char)(upper ? *c - 'a' + 'A' : *c);
		upper = false;
	}
	(void)snprintf(out + n, NAME_MAX_SCHEMA - n, "%s", mode_suffixes[mode]);
}

/* A route names it, or every route may answer it, or another is made of it. */
static bool is_used(const char *name)
{
	static const char *const always[] = { "Problem", "DryRun",
		                              "ServerStatus", "ServerProgress",
		                              "TargetFound" };
	const struct registry_route *route;

	for (size_t i = 0; i < ARRAY_SIZE(always); i++) {
		if (strcmp(name, always[i]) == 0)
			return true;
	}
	for (size_t i = 0; (route = registry_route_at(i)); i++) {
		if ((route->body && strcmp(route->body, name) == 0) ||
		    slice_is(registry_answer_name(route), name))
			return true;
	}
	return false;
}

static void write_kind(struct json_writer *json, enum kind kind, enum mode mode)
{
	char name[NAME_MAX_SCHEMA];

	name_schema(kind, mode, name);
	if (!is_used(name))
		return;
	json_write_key(json, name);
	json_write_object(json);
	json_write_key(json, "type");
	json_write_string(json, "object");
	write_required(json, kind, mode);
	json_write_key(json, "properties");
	json_write_object(json);
	if (mode == MODE_ANSWER)
		write_answer_fields(json, kind);
	else
		write_request_fields(json, kind, mode);
	json_write_object_end(json);
	if (mode == MODE_ANSWER || mode == MODE_NEW) {
		json_write_key(json, "additionalProperties");
		json_write_bool(json, false);
	}
	json_write_object_end(json);
}

/* A project alone shows what it is a part of, whole. */
static void write_project_detail(struct json_writer *json)
{
	static const unsigned fields[] = { PROJECT_NAME, PROJECT_DESCRIPTION,
		                           PROJECT_OWNER, PROJECT_LABELS };

	json_write_key(json, "ProjectDetail");
	json_write_object(json);
	write_raw(json, "type", "\"object\"");
	write_raw(json, "required",
	          "[\"id\",\"name\",\"service\",\"shard\",\"farm\"]");
	json_write_key(json, "properties");
	json_write_object(json);
	write_raw(json, "id", INTEGER);
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
		write_field(json, &kinds[KIND_PROJECT].fields[fields[i]],
		            MODE_ANSWER, false);
	write_raw(json, "owner_id", "{\"type\":\"null\"}");
	write_raw(json, "service",
	          "{\"$ref\":\"#/components/schemas/Service\"}");
	write_raw(json, "shard", "{\"$ref\":\"#/components/schemas/Shard\"}");
	write_raw(json, "farm",
	          "{\"oneOf\":[{\"$ref\":\"#/components/schemas/Farm\"},"
	          "{\"type\":\"null\"}]}");
	json_write_object_end(json);
	write_raw(json, "additionalProperties", "false");
	json_write_object_end(json);
}

static bool is_of_kind(struct slice name)
{
	char known[NAME_MAX_SCHEMA];

	if (slice_is(name, "ProjectDetail"))
		return true;
	for (int kind = 0; kind < N_KINDS; kind++) {
		for (int mode = MODE_ANSWER; mode <= MODE_CHANGE; mode++) {
			name_schema((enum kind)kind, (enum mode)mode, known);
			if (slice_is(name, known))
				return true;
		}
	}
	return false;
}

static bool named_before(size_t nth, struct slice name)
{
	for (size_t i = 0; i < nth; i++) {
		const struct registry_route *route = registry_route_at(i);

		if (slice_equal(registry_answer_name(route), name) ||
		    slice_equal(slice_from(route->body), name))
			return true;
	}
	return false;
}

static void write_stranger(struct json_writer *json, size_t nth,
                           struct slice name)
{
	if (name.n == 0 || registry_schema_find(name) || is_of_kind(name) ||
	    named_before(nth, name))
		return;
	json_key_slice(json, name);
	json_write_raw(json, slice_from(REGISTRY_NOT_DESCRIBED));
}

/* What nobody has described: the document must be whole all the same. */
static void write_strangers(struct json_writer *json)
{
	const struct registry_route *route;

	for (size_t i = 0; (route = registry_route_at(i)); i++) {
		struct slice answer = registry_answer_name(route);
		struct slice body = slice_from(route->body);

		write_stranger(json, i, answer);
		if (!slice_equal(answer, body))
			write_stranger(json, i, body);
	}
}

const struct registry_schema *registry_schema_find(struct slice name)
{
	for (size_t i = 0; registry_schemas[i].name; i++) {
		if (slice_is(name, registry_schemas[i].name))
			return &registry_schemas[i];
	}
	return NULL;
}

void registry_schemas_write(struct json_writer *json)
{
	for (size_t i = 0; registry_schemas[i].name; i++) {
		if (is_used(registry_schemas[i].name))
			write_raw(json, registry_schemas[i].name,
			          registry_schemas[i].text);
	}
	for (int kind = 0; kind < N_KINDS; kind++) {
		for (int mode = MODE_ANSWER; mode <= MODE_CHANGE; mode++)
			write_kind(json, (enum kind)kind, (enum mode)mode);
	}
	write_project_detail(json);
	write_strangers(json);
}
