/* SPDX-License-Identifier: Apache-2.0 */
#include "source/kubernetes_lease.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include "base/mem.h"
#include "base/number.h"
#include "core/lease.h"
#include "io/atomic_file.h"
#include "io/authorization.h"
#include "io/http_client.h"
#include "proto/kubernetes.h"

#define HTTPS_PORT    443
#define MAX_PATH      4096
#define MAX_TEXT      1024
#define MAX_TRIES     2    /* to give it free */
#define MAX_AFTER_S   3600 /* of a Retry-After */
#define MAX_NAMESPACE 256
#define LEASES_OF     "/apis/coordination.k8s.io/v1/namespaces/%s/leases"

enum {
	STATUS_OK = 200,
	STATUS_CREATED = 201,
	STATUS_UNAUTHORIZED = 401,
	STATUS_FORBIDDEN = 403,
	STATUS_NOT_FOUND = 404,
	STATUS_CONFLICT = 409
};

struct kubernetes_lease_source {
	struct http_client *client;
	const struct log *log;
	struct lease lease;
	struct lease_rules rules;
	char *identity;
	char *name;
	char *namespace_;
	struct tls_options tls;
	char *token_file;
	char *ca_file;
	struct buf url_text; /* what url points into */
	struct url url;
	struct buf target; /* of the Lease */
	size_t n_leases;   /* bytes of it that are the path of all leases */
	void (*changed)(void *context);
	void *context;

	uv_loop_t *loop;
	uv_timer_t timer;
	bool timer_open;

	struct buf token; /* the value of Authorization */
	uint64_t token_ms;
	bool token_again; /* once for each request */

	/* the present request */
	bool busy;
	enum lease_ask asked;
	struct http_call call;
	struct http_header headers[3];
	struct buf body;
	struct buf answer;
	uint64_t after_ms;
	struct json_t *root; /* the Lease as it was last seen; NULL: none */

	/* what was last said */
	bool led;
	uint64_t epoch;
	char holder[MAX_NAMESPACE];
	char trouble[ERR_MESSAGE_SIZE];

	bool closing;
	bool released; /* as far as we tried */
	unsigned n_releases;
	void (*closed)(void *context);
	void *closed_context;
};

/* As CLOCK_MONOTONIC, and the sleep of the machine counts, too: others do not
 * sleep with it. */
static uint64_t now_ms(void)
{
	struct timespec now = { 0 };

	(void)clock_gettime(CLOCK_BOOTTIME, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static int64_t wall_us(void)
{
	uv_timeval64_t now = { 0 };

	(void)uv_gettimeofday(&now);
	return now.tv_sec * 1000000 + now.tv_usec;
}

static void source_free(struct kubernetes_lease_source *source)
{
	json_free(source->root);
	authorization_wipe(&source->token);
	buf_fini(&source->url_text);
	buf_fini(&source->target);
	buf_fini(&source->body);
	buf_fini(&source->answer);
	mem_free(source->identity);
	mem_free(source->name);
	mem_free(source->namespace_);
	mem_free(source->token_file);
	mem_free(source->ca_file);
	mem_free(source);
}

/* --- telling ------------------------------------------------------------- */

bool kubernetes_lease_leads(const struct kubernetes_lease_source *source)
{
	return lease_leads(&source->lease, now_ms());
}

uint64_t kubernetes_lease_epoch(const struct kubernetes_lease_source *source)
{
	return source->epoch;
}

const char *kubernetes_lease_holder(
	const struct kubernetes_lease_source *source)
{
	return source->holder;
}

const char *kubernetes_lease_trouble(
	const struct kubernetes_lease_source *source)
{
	return source->trouble;
}

static bool note_holder(struct kubernetes_lease_source *source,
                        struct slice holder)
{
	size_t n = MIN(holder.n, sizeof(source->holder) - 1);

	if (slice_equal(slice_from(source->holder), slice_make(holder.p, n)))
		return false;
	memcpy(source->holder, holder.p, n);
	source->holder[n] = '\0';
	return true;
}

static bool note_trouble(struct kubernetes_lease_source *source,
                         const char *words)
{
	bool changed = strcmp(source->trouble, words) != 0;

	(void)snprintf(source->trouble, sizeof(source->trouble), "%s", words);
	return changed;
}

static void tell(struct kubernetes_lease_source *source, bool changed)
{
	bool leads = kubernetes_lease_leads(source);

	changed = changed || leads != source->led;
	source->led = leads;
	if (changed && !source->closing)
		source->changed(source->context);
}

/* --- asking -------------------------------------------------------------- */

static void on_answered(struct http_call *call);
static void on_due(uv_timer_t *timer);
static void carry_on(struct kubernetes_lease_source *source,
                     enum lease_ask what);

static void arm(struct kubernetes_lease_source *source)
{
	uint64_t next_ms = lease_next(&source->lease);
	uint64_t now = now_ms();

	if (source->closing)
		return;
	if (next_ms == LEASE_NEVER)
		(void)uv_timer_stop(&source->timer);
	else
		(void)uv_timer_start(&source->timer, on_due,
		                     next_ms > now ? next_ms - now : 0, 0);
}

/* Once a minute; what cannot be read leaves the old one. */
static int read_token(struct kubernetes_lease_source *source, struct err *err)
{
	uint64_t now = now_ms();
	struct buf fresh;
	int r;

	if (source->token.n > 0 && now - source->token_ms < KUBERNETES_TOKEN_MS)
		return 0;
	buf_init(&fresh, AUTHORIZATION_MAX);
	r = authorization_read(&fresh, source->token_file, NULL, err);
	if (r == 0) {
		authorization_wipe(&source->token);
		source->token = fresh;
		source->token_ms = now;
		return 0;
	}
	authorization_wipe(&fresh);
	return source->token.n > 0 ? 0 : r;
}

static int on_head(struct http_call *call, const struct http_message *message)
{
	struct kubernetes_lease_source *source =
		container_of(call, struct kubernetes_lease_source, call);
	uint64_t seconds;

	if (number_parse_u64(http_message_header(message, "Retry-After"),
	                     &seconds) == 0)
		source->after_ms = MIN(seconds, (uint64_t)MAX_AFTER_S) * 1000;
	return 0;
}

static int on_body(struct http_call *call, struct slice bytes)
{
	struct kubernetes_lease_source *source =
		container_of(call, struct kubernetes_lease_source, call);

	return buf_append(&source->answer, bytes.p, bytes.n);
}

/* The body of what is written; -ENOMEM, or -E2BIG. */
static int make_body(struct kubernetes_lease_source *source)
{
	bool release = source->asked == LEASE_RELEASE;
	struct kubernetes_lease_change change = {
		.name = source->name,
		.namespace_ = source->namespace_,
		.holder = release ? "" : source->identity,
		.duration_ms = release ? 0 : source->rules.ttl_ms,
		.transitions = source->lease.transitions,
		.acquired = release || source->lease.taking,
		.now_us = wall_us(),
	};

	if (source->asked == LEASE_GET)
		return 0;
	kubernetes_lease_write(
		&source->body,
		source->asked == LEASE_CREATE ? NULL : source->root, &change);
	return source->body.failed;
}

static size_t fill_headers(struct kubernetes_lease_source *source)
{
	size_t n = 0;

	source->headers[n++] =
		(struct http_header){ slice_from("Authorization"),
		                      buf_slice(&source->token) };
	source->headers[n++] =
		(struct http_header){ slice_from("Accept"),
		                      slice_from("application/json") };
	if (source->asked != LEASE_GET)
		source->headers[n++] =
			(struct http_header){ slice_from("Content-Type"),
			                      slice_from("application/json") };
	return n;
}

static int send_request(struct kubernetes_lease_source *source, struct err *err)
{
	static const char *const methods[] = { [LEASE_GET] = "GET",
		                               [LEASE_CREATE] = "POST",
		                               [LEASE_WRITE] = "PUT",
		                               [LEASE_RELEASE] = "PUT" };
	struct slice target = buf_slice(&source->target);
	int r;

	buf_reset(&source->body);
	buf_reset(&source->answer);
	source->after_ms = 0;
	r = read_token(source, err);
	if (r < 0)
		return r;
	r = make_body(source);
	if (r < 0)
		return err_set_code(err, r, "the Lease");
	if (source->asked == LEASE_CREATE)
		target.n = source->n_leases;
	source->call = (struct http_call){
		.url = source->url,
		.method = methods[source->asked],
		.target = target,
		.headers = source->headers,
		.n_headers = fill_headers(source),
		.body = buf_slice(&source->body),
		/* so that two tries fit into what we hold */
		.timeout_ms = MAX(source->rules.renew_ms / 3, 1),
		.max_body = KUBERNETES_MAX_LEASE,
		.tls = &source->tls,
		.on_head = on_head,
		.on_body = on_body,
	};
	r = http_client_call(source->client, &source->call, on_answered);
	if (r < 0)
		*err = source->call.err;
	source->busy = r == 0;
	return r;
}

static void ask(struct kubernetes_lease_source *source, enum lease_ask what)
{
	struct err err = { 0 };
	bool changed;

	source->asked = what;
	if (send_request(source, &err) == 0)
		return;
	changed = note_trouble(source, err.message);
	lease_failed(&source->lease, 0, now_ms());
	tell(source, changed);
	carry_on(source, LEASE_WAIT);
}

static void maybe_closed(struct kubernetes_lease_source *source)
{
	void (*closed)(void *context) = source->closed;
	void *context = source->closed_context;

	if (source->timer_open || source->busy)
		return;
	source_free(source);
	closed(context);
}

static void carry_on(struct kubernetes_lease_source *source,
                     enum lease_ask what)
{
	if (source->closing && what == LEASE_RELEASE &&
	    source->n_releases++ == MAX_TRIES)
		what = LEASE_WAIT;
	if (what != LEASE_WAIT)
		ask(source, what);
	else if (source->closing)
		maybe_closed(source);
	else
		arm(source);
}

static void on_due(uv_timer_t *timer)
{
	struct kubernetes_lease_source *source =
		container_of(timer, struct kubernetes_lease_source, timer);
	enum lease_ask what = lease_due(&source->lease, now_ms());

	source->token_again = true;
	tell(source, false);
	if (!source->closing)
		carry_on(source, what);
}

/* --- answers ------------------------------------------------------------- */

/* Keeps what the server says the Lease is now. */
static int take_lease(struct kubernetes_lease_source *source,
                      struct kubernetes_lease *lease, struct err *err)
{
	struct json_t *root;
	int r = kubernetes_lease_parse(buf_slice(&source->answer), &root, lease,
	                               err);

	if (r < 0)
		return r;
	json_free(source->root);
	source->root = root;
	return 0;
}

static enum lease_ask got(struct kubernetes_lease_source *source,
                          const struct kubernetes_lease *lease)
{
	struct lease_record record = { 0 };

	if (!lease)
		return lease_got(&source->lease, NULL, now_ms());
	record = (struct lease_record){ .holder = lease->holder,
		                        .duration_ms = lease->duration_ms,
		                        .transitions = lease->transitions,
		                        .hash = lease->hash };
	return lease_got(&source->lease, &record, now_ms());
}

static enum lease_ask understood(struct kubernetes_lease_source *source,
                                 bool *changedp, struct err *err)
{
	struct kubernetes_lease lease = { 0 };

	if (take_lease(source, &lease, err) < 0) {
		lease_failed(&source->lease, 0, now_ms());
		return LEASE_WAIT;
	}
	*changedp = note_holder(source, lease.holder);
	if (source->asked == LEASE_GET)
		return got(source, &lease);
	lease_written(&source->lease, lease.hash, now_ms());
	if (kubernetes_lease_leads(source))
		source->epoch = source->lease.transitions + 1;
	return LEASE_WAIT;
}

static void refused(struct kubernetes_lease_source *source, struct err *err)
{
	uint16_t status = source->call.status;
	struct buf words;

	buf_init(&words, MAX_TEXT);
	kubernetes_status_words(&words, buf_slice(&source->answer));
	(void)err_set(err, -EPROTO, "%s: HTTP status %d %s%s%s",
	              buf_text(&source->url_text), status,
	              http_status_text(status),
	              status == STATUS_FORBIDDEN
	                      ? "; our service account needs get, create and "
	                        "update on leases"
	                      : "",
	              buf_text(&words));
	buf_fini(&words);
	lease_failed(
		&source->lease,
		status == STATUS_FORBIDDEN
			? MAX(source->after_ms, (uint64_t)KUBERNETES_REFUSED_MS)
			: source->after_ms,
		now_ms());
}

/* What the answer means, with words where it is trouble. */
static enum lease_ask judge(struct kubernetes_lease_source *source,
                            bool *changedp, struct err *err)
{
	const struct http_call *call = &source->call;

	if (call->err.code != 0) {
		*err = call->err;
		lease_failed(&source->lease, 0, now_ms());
		return LEASE_WAIT;
	}
	switch (call->status) {
	case STATUS_OK:
	case STATUS_CREATED:
		return understood(source, changedp, err);
	case STATUS_NOT_FOUND:
		if (source->asked == LEASE_GET) {
			*changedp = note_holder(source, slice_make("", 0));
			return got(source, NULL);
		}
		return lease_conflict(&source->lease, now_ms());
	case STATUS_CONFLICT:
		return lease_conflict(&source->lease, now_ms());
	default:
		refused(source, err);
		return LEASE_WAIT;
	}
}

/* A token that is not good any more may have been replaced. */
static bool try_again(struct kubernetes_lease_source *source)
{
	if (source->call.err.code != 0 ||
	    source->call.status != STATUS_UNAUTHORIZED || !source->token_again)
		return false;
	source->token_again = false;
	authorization_wipe(&source->token);
	ask(source, source->asked);
	return true;
}

static void release(struct kubernetes_lease_source *source)
{
	enum lease_ask what = lease_release(&source->lease, now_ms());

	source->released = true;
	carry_on(source, what);
}

static void on_answered(struct http_call *call)
{
	struct kubernetes_lease_source *source =
		container_of(call, struct kubernetes_lease_source, call);
	struct err err = { 0 };
	bool changed = false;
	enum lease_ask what;

	source->busy = false;
	if (try_again(source))
		return;
	what = judge(source, &changed, &err);
	if (note_trouble(source, err.message))
		changed = true;
	tell(source, changed);
	if (source->closing && !source->released)
		release(source);
	else
		carry_on(source, what);
}

/* --- the object ---------------------------------------------------------- */

static char *account_file(const char *dir, const char *name)
{
	char path[MAX_PATH];
	int n = snprintf(path, sizeof(path), "%s/%s", dir, name);

	return n > 0 && (size_t)n < sizeof(path) ? mem_strdup(path) : NULL;
}

/* The first line of the account's file, unless it is configured. */
static int find_namespace(struct kubernetes_lease_source *source,
                          const struct kubernetes_lease_options *options,
                          const char *dir, struct err *err)
{
	char *path;
	struct buf text;
	struct slice name;
	int r;

	if (options->namespace_) {
		source->namespace_ = mem_strdup(options->namespace_);
		return source->namespace_ ? 0 : -ENOMEM;
	}
	path = account_file(dir, "namespace");
	if (!path)
		return -ENOMEM;
	r = atomic_file_read(path, MAX_NAMESPACE, &text, err);
	name = slice_trim(
		slice_make(buf_text(&text), strcspn(buf_text(&text), "\r\n")));
	if (r == 0 && name.n == 0)
		r = err_set(err, -EINVAL, "%s is empty", path);
	if (r == 0) {
		source->namespace_ = mem_strndup(name.p, name.n);
		r = source->namespace_ ? 0 : -ENOMEM;
	}
	buf_fini(&text);
	mem_free(path);
	return r;
}

static int make_url(struct kubernetes_lease_source *source,
                    const struct kubernetes_lease_options *options,
                    struct err *err)
{
	bool ipv6 =
		strchr(options->host, ':') != NULL && options->host[0] != '[';
	int r;

	(void)buf_printf(&source->url_text, "https://%s%s%s:%s",
	                 ipv6 ? "[" : "", options->host, ipv6 ? "]" : "",
	                 options->port ? options->port : "443");
	(void)buf_printf(&source->target, LEASES_OF, source->namespace_);
	source->n_leases = source->target.n;
	(void)buf_printf(&source->target, "/%s", source->name);
	r = source->url_text.failed ? source->url_text.failed
	                            : source->target.failed;
	if (r < 0)
		return err_set_code(err, r, "kubernetes");
	return url_parse(buf_slice(&source->url_text), HTTPS_PORT, &source->url,
	                 err);
}

static int set_up(struct kubernetes_lease_source *source,
                  const struct kubernetes_lease_options *options,
                  struct err *err)
{
	const char *dir = options->account_dir ? options->account_dir
	                                       : KUBERNETES_ACCOUNT_DIR;
	int r;

	source->identity = mem_strdup(options->identity);
	source->name = mem_strdup(options->name);
	source->token_file = account_file(dir, "token");
	source->ca_file = account_file(dir, "ca.crt");
	if (!source->identity || !source->name || !source->token_file ||
	    !source->ca_file)
		return err_set_code(err, -ENOMEM, "kubernetes");
	source->tls.ca = source->ca_file;
	r = find_namespace(source, options, dir, err);
	if (r < 0)
		return err && err->code ? r
		                        : err_set_code(err, r, "kubernetes");
	return make_url(source, options, err);
}

int kubernetes_lease_new(const struct kubernetes_lease_options *options,
                         struct kubernetes_lease_source **sourcep,
                         struct err *err)
{
	struct kubernetes_lease_source *source;
	int r;

	if (!options->host || !options->host[0])
		return err_set(err, -ENOENT,
		               "KUBERNETES_SERVICE_HOST is not set: this is no "
		               "pod of a cluster");
	source = mem_calloc(1, sizeof(*source));
	if (!source)
		return err_set_code(err, -ENOMEM, "kubernetes");
	source->loop = options->loop;
	source->client = options->client;
	source->log = options->log;
	source->changed = options->changed;
	source->context = options->context;
	buf_init(&source->url_text, MAX_TEXT);
	buf_init(&source->target, MAX_TEXT);
	buf_init(&source->token, AUTHORIZATION_MAX);
	buf_init(&source->body, KUBERNETES_MAX_LEASE);
	buf_init(&source->answer, KUBERNETES_MAX_LEASE);
	r = set_up(source, options, err);
	if (r < 0) {
		source_free(source);
		return r;
	}
	source->rules = (struct lease_rules){ .identity = source->identity,
		                              .ttl_ms = options->lease_ms,
		                              .renew_ms = options->renew_ms,
		                              .retry_ms = options->retry_ms };
	lease_init(&source->lease, &source->rules, options->seed);
	/* cannot fail */
	(void)uv_timer_init(source->loop, &source->timer);
	source->timer_open = true;
	arm(source);
	*sourcep = source;
	return 0;
}

static void on_timer_closed(uv_handle_t *handle)
{
	struct kubernetes_lease_source *source = container_of(
		(uv_timer_t *)handle, struct kubernetes_lease_source, timer);

	source->timer_open = false;
	maybe_closed(source);
}

void kubernetes_lease_close(struct kubernetes_lease_source *source,
                            void (*closed)(void *context), void *context)
{
	source->closing = true;
	source->closed = closed;
	source->closed_context = context;
	uv_close((uv_handle_t *)&source->timer, on_timer_closed);
	/* what is under way may change what is to be given free */
	if (!source->busy)
		release(source);
}
