/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/lxd_describe.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "base/text.h"
#include "proto/json.h"
#include "proto/json_scan.h"
#include "proto/timestamp.h"
#include "proto/url.h"

#define NS_PER_MS 1000000

/* --- instances ---------------------------------------------------------- */

static int64_t time_of(const struct json_t *value)
{
	int64_t ms;

	/* "never" is the beginning of the year 1 in older servers, of 1970 in
	 * newer ones */
	if (timestamp_parse_rfc3339(slice_from(json_as_string(value)), &ms) <
	            0 ||
	    ms <= 0)
		return 0;
	return ms;
}

static bool is_true(const char *text)
{
	return strcasecmp(text, "true") == 0 || strcmp(text, "1") == 0 ||
	       strcasecmp(text, "yes") == 0 || strcasecmp(text, "on") == 0;
}

static const char *image_of(const struct json_t *config)
{
	const char *image =
		json_as_string(json_get(config, "image.description"));

	if (image[0])
		return image;
	return json_as_string(json_get(config, "volatile.base_image"));
}

bool lxd_is_label(const char *key)
{
	return strncmp(key, "user.", 5) == 0;
}

int lxd_describe(const struct json_t *instance, struct lxd_description *out,
                 struct err *err)
{
	const struct json_t *config = json_get(instance, "expanded_config");

	/* of all versions; without profiles where they are not told */
	if (!json_is_map(config))
		config = json_get(instance, "config");
	*out = (struct lxd_description){
		.name = json_as_string(json_get(instance, "name")),
		.project = json_as_string(json_get(instance, "project")),
		.image = image_of(config),
		.config = config,
		.status = lxd_status_of(
			json_as_int(json_get(instance, "status_code"), 0)),
		.created_ms = time_of(json_get(instance, "created_at")),
		.last_used_ms = time_of(json_get(instance, "last_used_at")),
		.ephemeral =
			json_as_bool(json_get(instance, "ephemeral"), false),
		.autorestart = is_true(
			json_as_string(json_get(config, "boot.autorestart"))),
	};
	if (!out->project[0])
		out->project = "default";
	if (!lxd_name_is_valid(out->name))
		return err_set(err, -EINVAL, "an instance without a name");
	return 0;
}

const char *lxd_key(const char *project, const char *name,
                    char out[LXD_KEY_MAX])
{
	int n = snprintf(out, LXD_KEY_MAX, "%s/%s", project, name);

	if (n < 0 || n >= LXD_KEY_MAX)
		out[0] = '\0';
	return out;
}

/* --- events ------------------------------------------------------------- */

/* What comes after the kind of thing: "instance-", in LXD 4.0 "container-" or
 * "virtual-machine-". "Ready" only repeats that it has started. */
static const struct {
	const char *action;
	enum lxd_event_kind kind;
} actions[] = {
	{ "created", LXD_EVENT_CREATED },   { "started", LXD_EVENT_STARTED },
	{ "restarted", LXD_EVENT_STARTED }, { "stopped", LXD_EVENT_ENDED },
	{ "shutdown", LXD_EVENT_ENDED },    { "paused", LXD_EVENT_PAUSED },
	{ "resumed", LXD_EVENT_RESUMED },   { "updated", LXD_EVENT_CHANGED },
	{ "renamed", LXD_EVENT_RENAMED },   { "deleted", LXD_EVENT_DELETED },
};

static const char *const things[] = { "instance-", "container-",
	                              "virtual-machine-" };

static enum lxd_event_kind kind_of(const char *action)
{
	for (size_t i = 0; i < ARRAY_SIZE(things); i++) {
		size_t n = strlen(things[i]);

		if (strncmp(action, things[i], n) != 0)
			continue;
		for (size_t k = 0; k < ARRAY_SIZE(actions); k++)
			if (strcmp(action + n, actions[k].action) == 0)
				return actions[k].kind;
	}
	return LXD_EVENT_OTHER;
}

/* Decodes @text into @out, "" if that cannot be. */
static void decode(struct slice text, char out[LXD_NAME_MAX])
{
	struct buf buf;

	out[0] = '\0';
	buf_init(&buf, LXD_NAME_MAX - 1);
	if (url_decode(&buf, text) == 0 && buf.n && !memchr(buf.p, '\0', buf.n))
		(void)snprintf(out, LXD_NAME_MAX, "%s", buf_text(&buf));
	buf_fini(&buf);
}

/* "/1.0/instances/NAME?project=P": the last segment, and P if it is there. */
static void read_source(const char *source, struct lxd_event *out)
{
	static const char project[] = "project=";
	size_t n = strcspn(source, "?");
	const char *query = source[n] ? strstr(source + n, project) : NULL;
	const char *name = source + n;

	while (name > source && name[-1] != '/')
		name--;
	decode(slice_make(name, (size_t)(source + n - name)), out->name);
	if (!query)
		return;
	query += sizeof(project) - 1;
	decode(slice_make(query, strcspn(query, "&")), out->project);
}

static void read_instance_event(const struct json_t *root,
                                struct lxd_event *out)
{
	const struct json_t *metadata = json_get(root, "metadata");

	out->kind = kind_of(json_as_string(json_get(metadata, "action")));
	out->asked = json_is_map(json_get(metadata, "requestor"));
	out->time_ns = time_of(json_get(root, "timestamp")) * NS_PER_MS;
	read_source(json_as_string(json_get(metadata, "source")), out);
	(void)json_copy_text(
		json_get(json_get(metadata, "context"), "old_name"),
		out->old_name, sizeof(out->old_name));
	if (!out->project[0] &&
	    !json_copy_text(json_get(root, "project"), out->project,
	                    sizeof(out->project)))
		(void)json_copy_text(json_get(metadata, "project"),
		                     out->project, sizeof(out->project));
	if (!out->project[0])
		(void)snprintf(out->project, sizeof(out->project), "default");
	if (!lxd_name_is_valid(out->name))
		out->kind = LXD_EVENT_OTHER;
}

int lxd_read_event(struct slice text, struct lxd_event *out, struct err *err)
{
	struct json_t *root;
	int r = json_parse(text, &root, err);

	*out = (struct lxd_event){ .kind = LXD_EVENT_OTHER };
	if (r < 0)
		return r;
	if (slice_is(slice_from(json_as_string(json_get(root, "type"))),
	             "lifecycle"))
		read_instance_event(root, out);
	json_free(root);
	return 0;
}

/* --- the server --------------------------------------------------------- */

#define EXTENSION_DEPTH 3 /* {"metadata":{"api_extensions":["…"]}} */
#define EXTENSION_MAX   256

struct extension {
	const char *name;
	bool found;
	bool is_type; /* the value of the envelope's `type` comes next */
	bool answered;
};

static int on_token(void *context, const struct json_scan_token *token)
{
	struct extension *extension = context;

	if (token->kind == JSON_SCAN_KEY && token->depth == 1)
		extension->is_type = slice_is(token->text, "type");
	if (token->kind != JSON_SCAN_STRING)
		return 0;
	if (token->depth == 1 && extension->is_type)
		extension->answered = slice_is(token->text, "sync");
	if (token->depth == EXTENSION_DEPTH &&
	    slice_is(token->text, extension->name))
		extension->found = true;
	return 0;
}

/* They are hundreds of words, of which one is wanted: no need for a tree. */
int lxd_read_extension(struct slice reply, uint16_t status, const char *name,
                       bool *hasp, struct err *err)
{
	struct extension extension = { .name = name };
	struct json_scan scan;
	int r;

	json_scan_init(&scan, EXTENSION_MAX, on_token, &extension);
	r = json_scan_feed(&scan, reply);
	if (r == 0)
		r = json_scan_finish(&scan);
	json_scan_fini(&scan);
	*hasp = extension.found;
	if (r < 0)
		return err_set_code(err, r, "what the server says of itself");
	if (r == 0 && extension.answered)
		return 0;
	r = lxd_read_empty(reply, status, err);
	return r ? r : LXD_E_MALFORMED;
}

/* --- requests ----------------------------------------------------------- */

static void put_projects(struct buf *buf, const char *project)
{
	if (!project) {
		(void)buf_puts(buf, "&all-projects=true");
		return;
	}
	(void)buf_puts(buf, "&project=");
	text_escape_url(buf, slice_from(project));
}

void lxd_target_list(struct buf *buf, const char *project)
{
	(void)buf_puts(buf, "/1.0/instances?recursion=1");
	put_projects(buf, project);
}

void lxd_target_events(struct buf *buf, const char *project)
{
	(void)buf_puts(buf, "/1.0/events?type=lifecycle");
	put_projects(buf, project);
}
