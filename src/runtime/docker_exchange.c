/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One question to the engine and its answer, in a version that both speak.
 *
 * The version comes from an unversioned GET /_ping, asked once for all works
 * that wait for it, and again when the engine refuses the version (it was
 * replaced under us) or was not reachable. An engine that is newer than all
 * we know is spoken to in its oldest version: what is used here has been the
 * same in all of them.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "base/mem.h"
#include "base/text.h"
#include "runtime/docker_work.h"

#define DOCKER_PORT         2375
#define DOCKER_PING_MS      10000
#define DOCKER_REFUSALS_MAX 2 /* of the version, in one exchange */
#define DOCKER_CROWDED_MAX  100
#define DOCKER_CROWDED_MS   50

/* The newest version whose replies this code was written against. */
static const struct docker_version docker_newest = { 1, 47 };

/* --- where it is -------------------------------------------------------- */

static int add_address(struct docker *docker, const char *text, struct err *err)
{
	struct docker_address *address =
		&docker->addresses[docker->n_addresses];
	int r;

	address->text = mem_strdup(text);
	if (!address->text)
		return err_set(err, -ENOMEM, "out of memory");
	docker->n_addresses++;
	r = url_parse(slice_from(address->text), DOCKER_PORT, &address->url,
	              err);
	if (r < 0)
		err_wrap(err, "%s", text);
	return r;
}

int docker_set_addresses(struct docker *docker, const char *endpoint,
                         struct err *err)
{
	bool podman = strcmp(docker->name, "podman") == 0;
	const char *file = podman ? "podman/podman.sock" : "docker.sock";
	const char *dirs[DOCKER_ADDRESSES_MAX] = { "/run", "/var/run",
		                                   getenv("XDG_RUNTIME_DIR") };
	int r = 0;

	if (endpoint)
		return add_address(docker, endpoint, err);
	for (size_t i = 0; i < ARRAY_SIZE(dirs) && r == 0; i++) {
		char path[URL_MAX_SOCKET_PATH + 1];
		int n = snprintf(path, sizeof(path), "%s/%s",
		                 dirs[i] ? dirs[i] : "", file);

		/* too long, or not absolute: cannot be a socket's */
		if (dirs[i] && n < (int)sizeof(path) && path[0] == '/')
			r = add_address(docker, path, err);
	}
	return r;
}

/* The first socket that exists; where none does, the first, so that the
 * message of the failure names it. */
static const struct docker_address *find_address(const struct docker *docker)
{
	for (size_t i = 0; i < docker->n_addresses; i++) {
		const struct docker_address *address = &docker->addresses[i];

		/* a socket's path ends its text, so it is terminated */
		if (address->url.scheme != URL_UNIX ||
		    access(address->url.host.p, F_OK) == 0)
			return address;
	}
	return &docker->addresses[0];
}

/* --- which version it speaks -------------------------------------------- */

static void dispatch(struct docker_work *work);

/* Everyone who waited goes on, or hears why not. */
static void release_waiting(struct docker *docker, const struct err *err)
{
	struct list ready;
	struct list *node;

	list_init(&ready);
	while ((node = list_pop(&docker->waiting)))
		list_append(&ready, node);
	while ((node = list_pop(&ready))) {
		struct docker_work *work =
			container_of(node, struct docker_work, waiting);

		if (err->code == 0) {
			dispatch(work);
			continue;
		}
		work->err = *err;
		work->answered(work);
	}
}

static int on_ping_head(struct http_call *call,
                        const struct http_message *message)
{
	struct docker *docker = container_of(call, struct docker, ping);

	docker->ping_version = (struct docker_version){ 0 };
	if (docker_version_parse(http_message_header(message, "Api-Version"),
	                         &docker->ping_version) < 0)
		docker->ping_version = (struct docker_version){ 0 };
	docker->ping_podman =
		http_message_header(message, "Libpod-API-Version").p ||
		slice_starts(http_message_header(message, "Server"), "Libpod");
	return 0;
}

/* Only words of an error are wanted; what does not fit is dropped. */
static int on_ping_body(struct http_call *call, struct slice bytes)
{
	struct docker *docker = container_of(call, struct docker, ping);

	(void)buf_append(&docker->ping_reply, bytes.p, bytes.n);
	return 0;
}

static int read_ping(struct docker *docker, struct err *err)
{
	char message[DOCKER_MESSAGE_MAX];

	if (docker->ping.err.code) {
		*err = docker->ping.err;
		return -ENOTCONN;
	}
	docker_message(buf_slice(&docker->ping_reply), message);
	if (docker->ping.status != 200)
		return err_set(
			err, -EPROTO, "%s answers /_ping with HTTP %u: %s",
			docker->address->text, docker->ping.status, message);
	if (docker->ping_version.major == 0)
		return err_set(err, -EPROTO,
		               "%s answers, but not as a container engine "
		               "does: no Api-Version",
		               docker->address->text);
	return 0;
}

static void adopt_version(struct docker *docker, struct docker_version version,
                          bool podman)
{
	bool same = docker_version_compare(docker->version, version) == 0 &&
	            docker->podman == podman;
	char text[16];

	(void)snprintf(text, sizeof(text), "%u.%u", version.major,
	               version.minor);
	docker->version = version;
	docker->podman = podman;
	docker->negotiated = true;
	/* found again after a lost connection, it is no news */
	if (same)
		return;
	log_info(docker->log, "container engine found",
	         LOG_STR("runtime", docker->name),
	         LOG_STR("address", docker->address->text),
	         LOG_STR("engine", podman ? "podman" : "docker"),
	         LOG_STR("api", text));
}

static void on_ping(struct http_call *call)
{
	struct docker *docker = container_of(call, struct docker, ping);
	struct err err;

	docker->pinging = false;
	if (docker->closing) {
		docker_maybe_closed(docker);
		return;
	}
	err_clear(&err);
	if (read_ping(docker, &err) == 0)
		adopt_version(
			docker,
			docker_version_min(docker_newest, docker->ping_version),
			docker->ping_podman);
	release_waiting(docker, &err);
}

static int start_ping(struct docker *docker, struct err *err)
{
	int r;

	docker->address = find_address(docker);
	buf_reset(&docker->ping_reply);
	docker->ping = (struct http_call){
		.url = docker->address->url,
		.method = "GET",
		.target = slice_from("/_ping"),
		.timeout_ms = DOCKER_PING_MS,
		.max_body = DOCKER_DOCUMENT_MAX,
		.fresh = true,
		.on_head = on_ping_head,
		.on_body = on_ping_body,
	};
	r = http_client_call(docker->client, &docker->ping, on_ping);
	if (r < 0)
		return err_set_code(err, r, "cannot ask for the version");
	docker->pinging = true;
	return 0;
}

static void wait_for_version(struct docker_work *work)
{
	struct docker *docker = work->docker;
	struct err err;

	list_append(&docker->waiting, &work->waiting);
	if (docker->pinging)
		return;
	err_clear(&err);
	if (start_ping(docker, &err) < 0)
		release_waiting(docker, &err);
}

void docker_forget_version(struct docker *docker)
{
	docker->negotiated = false;
}

void docker_ping_cancel(struct docker *docker)
{
	if (docker->pinging)
		http_call_cancel(&docker->ping);
}

/* --- the exchange ------------------------------------------------------- */

static int on_head(struct http_call *call, const struct http_message *message)
{
	struct docker_work *work = container_of(call, struct docker_work, http);

	work->status = message->status;
	if (work->headed && work->status == 200)
		work->headed(work);
	return 0;
}

static int on_body(struct http_call *call, struct slice bytes)
{
	struct docker_work *work = container_of(call, struct docker_work, http);

	if (work->closing)
		return UV_ECANCELED;
	if (work->streamed && work->status == 200)
		return work->streamed(work, bytes);
	return buf_append(&work->reply, bytes.p, bytes.n);
}

/* The engine does not speak our version, or not any more. True: asked again. */
static bool renegotiate(struct docker_work *work)
{
	struct docker *docker = work->docker;
	struct docker_version bound;
	enum docker_refusal refusal = docker_refusal(work->message, &bound);

	if (refusal == DOCKER_REFUSAL_OTHER ||
	    work->n_refused >= DOCKER_REFUSALS_MAX)
		return false;
	work->n_refused++;
	if (docker_version_compare(work->used, docker->version) != 0 &&
	    docker->negotiated) {
		/* another work has seen to it meanwhile */
	} else if (work->n_refused == 1) {
		log_info(docker->log, "the engine refuses our version",
		         LOG_STR("runtime", docker->name),
		         LOG_STR("reason", work->message));
		docker_forget_version(docker);
	} else if (bound.major) {
		/* what it announces is not what it takes: believe the latter */
		adopt_version(docker, bound, docker->podman);
	}
	dispatch(work);
	return true;
}

static void resend(struct docker_work *work)
{
	dispatch(work);
}

static void on_answered(struct http_call *call)
{
	struct docker_work *work = container_of(call, struct docker_work, http);

	if (work->closing) {
		docker_work_settled(work);
		return;
	}
	work->in_flight = false;
	if (call->err.code == UV_EAGAIN &&
	    work->n_crowded++ < DOCKER_CROWDED_MAX) {
		/* a unix socket's backlog is full: hundreds at once */
		docker_later(work, DOCKER_CROWDED_MS, resend);
		return;
	}
	if (call->err.code) {
		work->err = call->err;
		work->status = 0;
		docker_forget_version(work->docker);
	} else {
		work->status = call->status;
		if (work->status >= 400)
			docker_message(buf_slice(&work->reply), work->message);
		if (work->status == 400 && renegotiate(work))
			return;
	}
	work->answered(work);
}

static int build_target(struct docker_work *work)
{
	struct docker *docker = work->docker;

	work->used = docker->version;
	buf_reset(&work->target_text);
	(void)buf_printf(&work->target_text, "/v%u.%u", docker->version.major,
	                 docker->version.minor);
	if (work->put_path)
		work->put_path(work);
	else
		(void)buf_append(&work->target_text, work->path.p,
		                 work->path.n);
	return work->path.failed   ? work->path.failed
	       : work->body.failed ? work->body.failed
	                           : work->target_text.failed;
}

/* What changes something gets a connection of its own, so that it is never
 * lost in one that the engine was just closing, and has no time limit but the
 * work's deadline. */
static int call_engine(struct docker_work *work)
{
	static const struct http_header json = { { "Content-Type", 12 },
		                                 { "application/json", 16 } };
	bool asks = strcmp(work->method, "GET") == 0 && !work->endless;
	int r = build_target(work);

	if (r < 0)
		return r;
	work->http = (struct http_call){
		.url = work->docker->address->url,
		.method = work->method,
		.target = buf_slice(&work->target_text),
		.headers = &json,
		.n_headers = work->body.n ? 1 : 0,
		.body = buf_slice(&work->body),
		.timeout_ms =
			asks ? DOCKER_ANSWER_MS : HTTP_CLIENT_TIMEOUT_NONE,
		.max_body = work->streamed ? UINT64_MAX : DOCKER_DOCUMENT_MAX,
		.fresh = !asks,
		.on_head = on_head,
		.on_body = on_body,
	};
	return http_client_call(work->docker->client, &work->http, on_answered);
}

static void dispatch(struct docker_work *work)
{
	int r;

	buf_reset(&work->reply);
	err_clear(&work->err);
	work->status = 0;
	work->message[0] = '\0';
	if (!work->docker->negotiated) {
		wait_for_version(work);
		return;
	}
	r = call_engine(work);
	if (r < 0) {
		(void)err_set_code(&work->err, r, "cannot ask the engine");
		work->answered(work);
		return;
	}
	work->in_flight = true;
}

void docker_path(struct docker_work *work, const char *kind, const char *id,
                 const char *rest)
{
	buf_reset(&work->body);
	buf_reset(&work->path);
	(void)buf_printf(&work->path, "/%s/", kind);
	text_escape_url(&work->path, slice_from(id));
	(void)buf_puts(&work->path, rest);
}

void docker_send(struct docker_work *work, const char *method,
                 docker_step_cb answered)
{
	work->method = method;
	work->answered = answered;
	work->n_refused = 0;
	work->n_crowded = 0;
	dispatch(work);
}

/* What an operator can do about it. */
static const char *remedy(int code)
{
	switch (code) {
	case UV_ENOENT:
	case UV_ECONNREFUSED:
		return "; is the engine running, and is this its socket?";
	case UV_EACCES:
	case UV_EPERM:
		return "; this user may not use the socket";
	default:
		return "";
	}
}

void docker_note(struct docker_work *work, const struct err *err)
{
	(void)snprintf(work->trouble, sizeof(work->trouble), "%.*s",
	               DOCKER_MESSAGE_MAX - 1, err->message);
}

void docker_note_trouble(struct docker_work *work)
{
	if (work->err.code)
		docker_note(work, &work->err);
	else
		(void)snprintf(work->trouble, sizeof(work->trouble),
		               "HTTP %u: %.*s", work->status,
		               (int)sizeof(work->trouble) - 16, work->message);
}

void docker_finish_unreachable(struct docker_work *work, const char *what)
{
	docker_finish(work, RUNTIME_UNAVAILABLE,
	              "asking the engine to %s failed: %s%s", what,
	              work->err.message, remedy(work->err.code));
}

void docker_finish_refused(struct docker_work *work, const char *what)
{
	if (work->err.code)
		docker_finish(work, RUNTIME_UNAVAILABLE,
		              "asking the engine to %s it failed: %s%s", what,
		              work->err.message, remedy(work->err.code));
	else if (work->status == 404)
		docker_finish(work, RUNTIME_NO_TARGET,
		              "there is no such container (any more)");
	else
		docker_finish(work, RUNTIME_FAILED,
		              "the engine would not %s it: HTTP %u: %s", what,
		              work->status, work->message);
}
