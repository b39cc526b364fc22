/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/docker.h"

#include <errno.h>
#include "base/json_writer.h"
#include "base/number.h"
#include "base/text.h"
#include "proto/json.h"

#define DOCKER_NAME_MAX 255

int docker_version_parse(struct slice text, struct docker_version *versionp)
{
	const char *dot = text.n ? memchr(text.p, '.', text.n) : NULL;
	uint64_t major, minor;
	size_t at;

	if (!dot)
		return -EINVAL;
	at = (size_t)(dot - text.p);
	if (number_parse_u64(slice_make(text.p, at), &major) < 0 ||
	    number_parse_u64(slice_skip(text, at + 1), &minor) < 0 ||
	    major > UINT16_MAX || minor > UINT16_MAX)
		return -EINVAL;
	*versionp = (struct docker_version){ (uint16_t)major, (uint16_t)minor };
	return 0;
}

int docker_version_compare(struct docker_version a, struct docker_version b)
{
	return a.major != b.major ? a.major - b.major : a.minor - b.minor;
}

struct docker_version docker_version_min(struct docker_version a,
                                         struct docker_version b)
{
	return docker_version_compare(a, b) < 0 ? a : b;
}

enum docker_refusal docker_refusal(const char *message,
                                   struct docker_version *boundp)
{
	static const char before[] = "supported API version is ";
	enum docker_refusal refusal;
	const char *bound;
	size_t n;

	*boundp = (struct docker_version){ 0 };
	if (!strstr(message, "client version"))
		return DOCKER_REFUSAL_OTHER;
	if (strstr(message, "is too new"))
		refusal = DOCKER_REFUSAL_TOO_NEW;
	else if (strstr(message, "is too old"))
		refusal = DOCKER_REFUSAL_TOO_OLD;
	else
		return DOCKER_REFUSAL_OTHER;

	bound = strstr(message, before);
	if (!bound)
		return refusal;
	bound += sizeof(before) - 1;
	n = strspn(bound, "0123456789.");
	while (n && bound[n - 1] == '.')
		n--;
	if (docker_version_parse(slice_make(bound, n), boundp) < 0)
		*boundp = (struct docker_version){ 0 };
	return refusal;
}

/* Blanks for control characters, nothing that is not UTF-8, no blanks in
 * front or at the end; cut between characters. */
static void copy_printable(struct slice text, char *out, size_t size)
{
	size_t n = 0;

	while (text.n) {
		size_t length = text_utf8_length(text);
		bool blank =
			(unsigned char)text.p[0] <= ' ' || text.p[0] == 0x7f;

		if (length && n + length >= size)
			break;
		if (blank && n && out[n - 1] != ' ')
			out[n++] = ' ';
		for (size_t i = 0; !blank && i < length; i++)
			out[n++] = text.p[i];
		text = slice_skip(text, length ? length : 1);
	}
	while (n && out[n - 1] == ' ')
		n--;
	out[n] = '\0';
}

void docker_message(struct slice body, char *out)
{
	struct json_t *root = NULL;
	struct slice message = slice_make(NULL, 0);

	if (json_parse(body, &root, NULL) == 0)
		message = json_as_text(json_get(root, "message"));
	copy_printable(message.p ? message : body, out, DOCKER_MESSAGE_MAX);
	json_free(root);
}

enum docker_status docker_status_parse(struct slice text)
{
	static const struct {
		const char *text;
		enum docker_status status;
	} names[] = {
		{ "running", DOCKER_STATUS_RUNNING },
		{ "paused", DOCKER_STATUS_PAUSED },
		{ "restarting", DOCKER_STATUS_RESTARTING },
		{ "exited", DOCKER_STATUS_EXITED },
		/* Podman's, where it does not translate them itself */
		{ "stopping", DOCKER_STATUS_RUNNING },
		{ "stopped", DOCKER_STATUS_EXITED },
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (slice_is(text, names[i].text))
			return names[i].status;
	}
	return DOCKER_STATUS_OTHER;
}

enum docker_policy docker_policy_parse(struct slice text)
{
	if (slice_is(text, "always"))
		return DOCKER_POLICY_ALWAYS;
	if (slice_is(text, "unless-stopped"))
		return DOCKER_POLICY_UNLESS_STOPPED;
	if (slice_is(text, "on-failure"))
		return DOCKER_POLICY_ON_FAILURE;
	return DOCKER_POLICY_NO;
}

static void read_container(const struct json_t *root,
                           struct docker_container *out)
{
	const struct json_t *state = json_get(root, "State");
	const struct json_t *host = json_get(root, "HostConfig");
	const struct json_t *stop_timeout =
		json_get(json_get(root, "Config"), "StopTimeout");
	struct slice error = json_as_text(json_get(state, "Error"));

	*out = (struct docker_container){ .exit_code = -1 };
	(void)json_copy_text(json_get(root, "Id"), out->id, sizeof(out->id));
	(void)json_copy_text(json_get(state, "StartedAt"), out->started_at,
	                     sizeof(out->started_at));
	(void)json_copy_text(json_get(state, "FinishedAt"), out->finished_at,
	                     sizeof(out->finished_at));
	copy_printable(error, out->error, sizeof(out->error));

	out->status =
		docker_status_parse(json_as_text(json_get(state, "Status")));
	if (out->status != DOCKER_STATUS_RUNNING &&
	    out->status != DOCKER_STATUS_PAUSED)
		out->exit_code = json_as_int(json_get(state, "ExitCode"), -1);
	out->oom_killed = json_as_bool(json_get(state, "OOMKilled"), false);
	out->policy = docker_policy_parse(json_as_text(
		json_get(json_get(host, "RestartPolicy"), "Name")));
	out->auto_remove = json_as_bool(json_get(host, "AutoRemove"), false);
	out->has_stop_timeout = !json_is_missing(stop_timeout);
	out->stop_timeout_s = json_as_int(stop_timeout, DOCKER_STOP_TIMEOUT_S);
}

int docker_container_read(const struct json_t *root,
                          struct docker_container *outp, struct err *err)
{
	read_container(root, outp);
	if (outp->id[0] == '\0')
		return err_set(err, -EINVAL, "not a container: it has no Id");
	return 0;
}

int docker_container_parse(struct slice body, struct docker_container *outp,
                           struct err *err)
{
	struct json_t *root;
	int r = json_parse(body, &root, err);

	if (r < 0)
		return r;
	r = docker_container_read(root, outp, err);
	json_free(root);
	return r;
}

bool docker_container_stopped_by_hand(const struct docker_container *container)
{
	return container->status == DOCKER_STATUS_EXITED &&
	       (container->policy == DOCKER_POLICY_ALWAYS ||
	        container->policy == DOCKER_POLICY_UNLESS_STOPPED);
}

int docker_exec_created_parse(struct slice body, char *id, size_t id_size,
                              struct err *err)
{
	struct json_t *root;
	bool copied;
	int r = json_parse(body, &root, err);

	if (r < 0)
		return r;
	copied = json_copy_text(json_get(root, "Id"), id, id_size);
	json_free(root);
	if (!copied || !docker_name_valid(id))
		return err_set(err, -EINVAL, "the new command has no Id");
	return 0;
}

int docker_exec_parse(struct slice body, struct docker_exec *outp,
                      struct err *err)
{
	const struct json_t *running;
	struct json_t *root;
	int r = json_parse(body, &root, err);

	if (r < 0)
		return r;
	running = json_get(root, "Running");
	r = json_is_missing(running)
	            ? err_set(err, -EINVAL, "it does not say whether it runs")
	            : 0;
	outp->running = json_as_bool(running, true);
	outp->exit_code = json_as_int(json_get(root, "ExitCode"), -1);
	outp->pid = json_as_int(json_get(root, "Pid"), 0);
	json_free(root);
	return r;
}

static bool contains(struct slice text, const char *words)
{
	return text.n && memmem(text.p, text.n, words, strlen(words)) != NULL;
}

int64_t docker_exec_code(const struct docker_exec *exec, struct slice output)
{
	if (exec->exit_code == 126 && exec->pid == 0 &&
	    contains(output, "exec failed") &&
	    (contains(output, "executable file not found") ||
	     contains(output, "no such file or directory")))
		return 127;
	return exec->exit_code;
}

static void write_texts(struct json_writer *json, const char *key,
                        const char *const *texts)
{
	json_write_key(json, key);
	json_write_array(json);
	while (*texts)
		json_write_string(json, *texts++);
	json_write_array_end(json);
}

void docker_exec_create_write(struct buf *out, const char *const *argv,
                              const char *const *env)
{
	struct json_writer json;

	json_write_init(&json, out);
	json_write_object(&json);
	json_write_key(&json, "AttachStdout");
	json_write_bool(&json, true);
	json_write_key(&json, "AttachStderr");
	json_write_bool(&json, true);
	json_write_key(&json, "Tty");
	json_write_bool(&json, false);
	write_texts(&json, "Cmd", argv);
	if (env)
		write_texts(&json, "Env", env);
	json_write_object_end(&json);
}

bool docker_name_valid(const char *name)
{
	static const char alphanumeric[] =
		"0123456789abcdefghijklmnopqrstuvwxyz"
		"ABCDEFGHIJKLMNOPQRSTUVWXYZ";
	size_t n = strlen(name);

	return n && n <= DOCKER_NAME_MAX && strchr(alphanumeric, name[0]);
}
