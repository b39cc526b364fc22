/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/lxd.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "base/json_writer.h"
#include "base/text.h"
#include "proto/json.h"

/* --- replies ------------------------------------------------------------ */

/*
 * What the servers say, in the words of LXD 4.0 to 6 and Incus 6 and 7. The
 * numbers alone do not tell: most of these come with 400 or 500, or as the
 * error of an operation, which has no number at all.
 */
static const struct {
	const char *words;
	enum lxd_outcome outcome;
} refusals[] = {
	{ "Instance is busy", LXD_E_BUSY },
	{ "is busy running", LXD_E_BUSY },
	{ "already stopped", LXD_E_NOT_RUNNING },
	{ "is not running", LXD_E_NOT_RUNNING },
	{ "is frozen", LXD_E_FROZEN },
};

static enum lxd_outcome classify(int64_t code, const char *words)
{
	for (size_t i = 0; i < ARRAY_SIZE(refusals); i++) {
		if (strstr(words, refusals[i].words))
			return refusals[i].outcome;
	}
	if (code == 404)
		return LXD_E_NOT_FOUND;
	if (code == 401 || code == 403)
		return LXD_E_FORBIDDEN;
	return LXD_E_REFUSED;
}

/* As much as fits; the server's words may be long. */
static void copy_words(const struct json_t *value, char *out, size_t size)
{
	struct slice text = json_as_text(value);

	(void)snprintf(out, size, SLICE_FMT, SLICE_ARG(slice_from(text.p)));
}

static int malformed(struct err *err, uint16_t status, const char *what)
{
	(void)err_set(err, -EPROTO, "unexpected reply (HTTP %u): %s",
	              (unsigned)status, what);
	return LXD_E_MALFORMED;
}

int lxd_open_envelope(struct slice reply, uint16_t status,
                      struct json_t **rootp, const struct json_t **metadatap,
                      struct err *err)
{
	char words[ERR_MESSAGE_SIZE];
	struct err syntax;
	struct slice type;
	int64_t code;
	int r = json_parse(reply, rootp, &syntax);

	if (r == -ENOMEM)
		return err_set(err, r, "%s", syntax.message);
	if (r < 0)
		return malformed(err, status, syntax.message);

	type = json_as_text(json_get(*rootp, "type"));
	if (slice_is(type, "sync") || slice_is(type, "async")) {
		*metadatap = json_get(*rootp, "metadata");
		return 0;
	}
	if (!slice_is(type, "error"))
		return malformed(err, status, "neither an answer nor an error");

	code = json_as_int(json_get(*rootp, "error_code"), status);
	copy_words(json_get(*rootp, "error"), words, sizeof(words));
	(void)err_set(err, -EREMOTEIO, "%s",
	              words[0] ? words : "refused without a reason");
	return (int)classify(code, words);
}

/* https://documentation.ubuntu.com/lxd/en/latest/rest-api/#status-codes */
enum lxd_status lxd_status_of(int64_t code)
{
	switch (code) {
	case 103: /* Running */
	case 113: /* Ready */
		return LXD_STATUS_RUNNING;
	case 102:
		return LXD_STATUS_STOPPED;
	case 109: /* Freezing */
	case 110:
		return LXD_STATUS_FROZEN;
	case 101: /* Started */
	case 106: /* Starting */
	case 107: /* Stopping */
	case 108: /* Aborting */
	case 111: /* Thawed */
		return LXD_STATUS_CHANGING;
	case 112:
		return LXD_STATUS_ERROR;
	default:
		return LXD_STATUS_OTHER;
	}
}

int lxd_read_instance(struct slice reply, uint16_t status,
                      struct lxd_instance *instance, struct err *err)
{
	const struct json_t *metadata = NULL;
	struct json_t *root = NULL;
	int r = lxd_open_envelope(reply, status, &root, &metadata, err);

	*instance = (struct lxd_instance){ 0 };
	if (r == 0 && json_is_missing(json_get(metadata, "status_code")))
		r = malformed(err, status, "an instance without status_code");
	if (r == 0) {
		instance->status = lxd_status_of(
			json_as_int(json_get(metadata, "status_code"), 0));
		instance->ephemeral =
			json_as_bool(json_get(metadata, "ephemeral"), false);
		(void)json_copy_text(json_get(metadata, "last_used_at"),
		                     instance->last_used,
		                     sizeof(instance->last_used));
	}
	json_free(root);
	return r;
}

/* It becomes part of a path of ours. */
static bool id_is_safe(const char *id)
{
	return id[0] && id[strspn(id, "0123456789abcdefABCDEF-")] == '\0';
}

/* The server's paths are used as they are, so they must be nothing else. */
static bool output_is_safe(const char *path)
{
	return (strncmp(path, "/1.0/instances/", 15) == 0 ||
	        strncmp(path, "/1.0/containers/", 16) == 0) &&
	       strstr(path, "/logs/") && !strstr(path, "..") &&
	       path[strspn(path, "0123456789abcdefghijklmnopqrstuvwxyz"
	                         "ABCDEFGHIJKLMNOPQRSTUVWXYZ-._/")] == '\0';
}

static enum lxd_progress progress_of(int64_t code)
{
	switch (code) {
	case 200:
		return LXD_SUCCESS;
	case 400:
		return LXD_FAILURE;
	case 401:
		return LXD_CANCELLED;
	default: /* 100 created, 103 running, 104 cancelling, 105 pending */
		return LXD_PENDING;
	}
}

static void read_outcome(const struct json_t *metadata,
                         struct lxd_operation *operation)
{
	static const char *const streams[] = { "1", "2" };
	const struct json_t *own = json_get(metadata, "metadata");
	const struct json_t *output = json_get(own, "output");

	operation->progress =
		progress_of(json_as_int(json_get(metadata, "status_code"), 0));
	operation->exit_code = json_as_int(json_get(own, "return"), -1);
	copy_words(json_get(metadata, "err"), operation->error,
	           sizeof(operation->error));
	operation->why = classify(0, operation->error);
	for (size_t i = 0; i < ARRAY_SIZE(streams); i++) {
		char *path = operation->output[i];

		(void)json_copy_text(json_get(output, streams[i]), path,
		                     sizeof(operation->output[i]));
		if (!output_is_safe(path))
			path[0] = '\0';
	}
}

int lxd_read_operation(struct slice reply, uint16_t status,
                       struct lxd_operation *operation, struct err *err)
{
	const struct json_t *metadata = NULL;
	struct json_t *root = NULL;
	int r = lxd_open_envelope(reply, status, &root, &metadata, err);

	*operation = (struct lxd_operation){ .exit_code = -1 };
	if (r == 0 && (!json_copy_text(json_get(metadata, "id"), operation->id,
	                               sizeof(operation->id)) ||
	               !id_is_safe(operation->id)))
		r = malformed(err, status, "an operation without an id");
	if (r == 0)
		read_outcome(metadata, operation);
	json_free(root);
	return r;
}

int lxd_read_empty(struct slice reply, uint16_t status, struct err *err)
{
	const struct json_t *metadata = NULL;
	struct json_t *root = NULL;
	int r = lxd_open_envelope(reply, status, &root, &metadata, err);

	json_free(root);
	return r;
}

/* --- requests ----------------------------------------------------------- */

void lxd_write_state(struct buf *buf, enum lxd_action action,
                     uint32_t timeout_s, bool force)
{
	static const char *const names[] = {
		[LXD_START] = "start",
		[LXD_STOP] = "stop",
		[LXD_RESTART] = "restart",
	};
	struct json_writer json;

	json_write_init(&json, buf);
	json_write_object(&json);
	json_write_key(&json, "action");
	json_write_string(&json, names[action]);
	/* 0 would mean by force, and none at all ten minutes */
	json_write_key(&json, "timeout");
	json_write_u64(&json, MAX(timeout_s, 1));
	json_write_key(&json, "force");
	json_write_bool(&json, force);
	json_write_object_end(&json);
}

void lxd_write_exec(struct buf *buf, const char *const *argv,
                    const char *const *env, bool record)
{
	struct json_writer json;

	json_write_init(&json, buf);
	json_write_object(&json);
	json_write_key(&json, "command");
	json_write_array(&json);
	for (size_t i = 0; argv[i]; i++)
		json_write_string(&json, argv[i]);
	json_write_array_end(&json);

	json_write_key(&json, "environment");
	json_write_object(&json);
	for (size_t i = 0; env && env[i]; i++) {
		const char *equals = strchr(env[i], '=');

		if (!equals)
			continue;
		json_key_slice(&json,
		               slice_make(env[i], (size_t)(equals - env[i])));
		json_write_string(&json, equals + 1);
	}
	json_write_object_end(&json);

	json_write_key(&json, "interactive");
	json_write_bool(&json, false);
	json_write_key(&json, "wait-for-websocket");
	json_write_bool(&json, false);
	json_write_key(&json, "record-output");
	json_write_bool(&json, record);
	json_write_object_end(&json);
}

static void put_project(struct buf *buf, const char *before,
                        const char *project)
{
	if (!project)
		return;
	(void)buf_printf(buf, "%sproject=", before);
	text_escape_url(buf, slice_from(project));
}

void lxd_target_instance(struct buf *buf, const char *name, const char *leaf,
                         const char *project)
{
	(void)buf_puts(buf, "/1.0/instances/");
	text_escape_url(buf, slice_from(name));
	if (leaf)
		(void)buf_printf(buf, "/%s", leaf);
	put_project(buf, "?", project);
}

void lxd_target_wait(struct buf *buf, const char *id, uint32_t timeout_s,
                     const char *project)
{
	(void)buf_printf(buf, "/1.0/operations/%s/wait?timeout=%u", id,
	                 (unsigned)timeout_s);
	put_project(buf, "&", project);
}

void lxd_target_path(struct buf *buf, const char *path, const char *project)
{
	(void)buf_puts(buf, path);
	put_project(buf, "?", project);
}

bool lxd_name_is_valid(const char *name)
{
	return name && name[0] && name[0] != '.' && !strchr(name, '/');
}
