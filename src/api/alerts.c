/* SPDX-License-Identifier: Apache-2.0 */
/*
 * alerts: POST /api/v1/alerts, and every path of alerts.paths: Alertmanager's
 * webhook. The answer comes when the message is safely taken, and waits for
 * nothing that is done about it.
 *
 *   200 taken                       413 larger than alerts.max_body
 *   400 not what Alertmanager sends 415 a coding that is not understood
 *   401 wrong or missing secret     503 the queue is full, or it cannot be
 *   403 not from this address           kept: it is to be sent again
 */
#include "api/alerts.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include "api/routes.h"
#include "base/mem.h"
#include "config/config.h"
#include "proto/network.h"
#include "source/alerts.h"

struct alerts_access {
	struct auth *who;  /* NULL: everybody */
	struct auth *keys; /* NULL: nothing is signed */
	const char *header;
	size_t n_allow; /* 0: every address */
	struct network allow[];
};

/* --- who may ---------------------------------------------------------------- */

static int read_allow(struct alerts_access *access,
                      const struct config_alerts *config, struct err *err)
{
	for (size_t i = 0; i < config->n_allow; i++) {
		int r = network_parse(slice_from(config->allow[i]),
		                      &access->allow[i], err);

		if (r < 0) {
			err_wrap(err, "alerts.allow");
			return r;
		}
	}
	access->n_allow = config->n_allow;
	return 0;
}

int alerts_access_new(const struct config_alerts *config,
                      struct alerts_access **accessp, struct err *err)
{
	struct alerts_access *access = mem_calloc(
		1, sizeof(*access) + config->n_allow * sizeof(struct network));
	int r;

	if (!access)
		return err_set(err, -ENOMEM, "out of memory");
	access->header = config->hmac_header;
	r = read_allow(access, config, err);
	if (r == 0 && (config->token_file || config->basic_auth_file))
		r = auth_new(config->token_file, config->basic_auth_file,
		             &access->who, err);
	if (r == 0 && config->hmac_file)
		r = auth_new_keys(config->hmac_file, &access->keys, err);
	if (r < 0)
		alerts_access_free(access);
	else
		*accessp = access;
	return r;
}

void alerts_access_free(struct alerts_access *access)
{
	if (!access)
		return;
	auth_free(access->who);
	auth_free(access->keys);
	mem_free(access);
}

static bool has_address(const struct alerts_access *access,
                        const struct http_exchange *exchange)
{
	struct sockaddr_storage address;

	if (access->n_allow == 0)
		return true;
	if (http_exchange_peer(exchange, &address) < 0)
		return false;
	for (size_t i = 0; i < access->n_allow; i++) {
		if (network_has(&access->allow[i],
		                (const struct sockaddr *)&address))
			return true;
	}
	return false;
}

enum api_admission api_alerts_admit(const struct api *api,
                                    const struct http_exchange *exchange)
{
	const struct alerts_access *access = api->alerts_access;
	const struct http_message *message = exchange->message;

	if (!access)
		return API_ADMITTED;
	if (!has_address(access, exchange))
		return API_REFUSED_BY_ADDRESS;
	if (access->who && !auth_admits(access->who, message))
		return API_REFUSED_BY_SECRET;
	if (access->keys &&
	    !auth_signs(access->keys, exchange->body,
	                http_message_header(message, access->header)))
		return API_REFUSED_BY_SIGNATURE;
	return API_ADMITTED;
}

const struct auth *api_alerts_auth(const struct api *api)
{
	return api->alerts_access ? api->alerts_access->who : NULL;
}

bool api_alerts_has_auth(const struct api *api)
{
	const struct alerts_access *access = api->alerts_access;

	return access && (access->who || access->keys);
}

/* --- where ------------------------------------------------------------------- */

/* A '*' at the end stands for any rest. */
static bool path_matches(const char *pattern, struct slice path)
{
	size_t n = strlen(pattern);

	if (n > 0 && pattern[n - 1] == '*')
		return path.n >= n - 1 && memcmp(path.p, pattern, n - 1) == 0;
	return slice_is(path, pattern);
}

bool api_alerts_has_path(const struct api *api, struct slice path)
{
	const struct config_alerts *config = api->alerts_config;

	for (size_t i = 0; config && i < config->n_paths; i++) {
		if (path_matches(config->paths[i], path))
			return true;
	}
	return false;
}

bool api_alerts_is_amx(const struct api *api)
{
	return api->alerts_config && api->alerts_config->amx_metrics;
}

void api_amx_health(struct api *api, struct http_exchange *exchange,
                    struct slice rest)
{
	(void)api;
	(void)rest;
	http_respond_text(
		exchange, 200,
		"All systems are functioning within normal specifications.");
}

/* --- counting ------------------------------------------------------------------ */

static const uint16_t codes[N_API_ALERT_CODES] = { 200, 400, 401, 403,
	                                           413, 415, 500, 503 };

uint16_t api_alert_code(size_t i)
{
	return codes[i];
}

void api_count_alerts(struct api *api, uint16_t status)
{
	for (size_t i = 0; i < N_API_ALERT_CODES; i++)
		api->n_alert_requests[i] += codes[i] == status;
}

/* --- a message ------------------------------------------------------------------ */

/* Until it is safely taken, by all who take it. */
struct waiting {
	struct alerts_taking taking;
	struct api *api;
	struct http_exchange *exchange;
	unsigned n_pending;
	struct err err; /* of the first that failed */
};

static void answer(struct api *api, struct http_exchange *exchange,
                   uint16_t status, const char *words)
{
	char retry[32];
	struct buf body;

	api_count_alerts(api, status);
	if (status == 200) {
		http_respond(exchange, 200, NULL, NULL, NULL);
		return;
	}
	if (status != 503) {
		api_error(exchange, status, "%s", words);
		return;
	}
	(void)snprintf(retry, sizeof(retry), "Retry-After: %d\r\n",
	               ALERTS_RETRY_S);
	buf_init(&body, API_PIECE_SIZE);
	(void)buf_printf(&body, "%s; send it again\n", words);
	http_respond(exchange, 503, "text/plain; charset=utf-8", retry, &body);
}

static void taken(struct waiting *waiting, const struct err *err)
{
	if (err->code != 0 && waiting->err.code == 0)
		waiting->err = *err;
	if (--waiting->n_pending > 0)
		return;
	answer(waiting->api, waiting->exchange,
	       waiting->err.code == 0 ? 200 : 503, waiting->err.message);
	mem_free(waiting);
}

static void on_taken(struct alerts_taking *taking)
{
	struct waiting *waiting = container_of(taking, struct waiting, taking);
	const struct err err = taking->err;

	taken(waiting, &err);
}

static void on_kept(void *request, const struct err *err)
{
	taken(request, err);
}

static uint16_t status_of(int outcome)
{
	switch (outcome) {
	case 0:
		return 200;
	case ALERTS_E_FORMAT:
		return 400;
	case ALERTS_E_TOO_LARGE:
		return 413;
	default:
		return 503;
	}
}

/* The monitors first: what they cannot read nobody keeps. */
static int take_by_all(struct waiting *waiting, struct slice body,
                       struct err *err)
{
	const struct api_extension *also = waiting->api->extension;
	int r = alerts_take(waiting->api->alerts, body, &waiting->taking,
	                    on_taken, err);
	int more;

	if (r != 0 && r != ALERTS_PENDING)
		return r;
	waiting->n_pending += r == ALERTS_PENDING;
	if (!also || !also->take_alerts)
		return r;
	more = also->take_alerts(also->context, body, on_kept, waiting, err);
	if (more == 0 || (more != ALERTS_PENDING && r == 0))
		return more == 0 ? r : more;
	/* what is under way comes to its end before it is refused */
	if (more == ALERTS_PENDING)
		waiting->n_pending++;
	else
		waiting->err = *err;
	return ALERTS_PENDING;
}

static void take(struct api *api, struct http_exchange *exchange)
{
	struct waiting *waiting = mem_calloc(1, sizeof(*waiting));
	struct err err = { 0 };
	int r;

	if (!waiting) {
		answer(api, exchange, 503, "out of memory");
		return;
	}
	waiting->api = api;
	waiting->exchange = exchange;
	r = take_by_all(waiting, exchange->body, &err);
	if (r == ALERTS_PENDING)
		return;
	mem_free(waiting);
	answer(api, exchange, status_of(r), err.message);
}

static bool is_plain(const struct http_message *message)
{
	struct slice coding = http_message_header(message, "content-encoding");

	return !coding.p || coding.n == 0 ||
	       slice_is_nocase(coding, "identity");
}

void api_alerts(struct api *api, struct http_exchange *exchange,
                struct slice rest)
{
	char words[128];

	if (api->stopping) {
		answer(api, exchange, 503, "the program ends");
	} else if (!api->alerts || !api->alerts_config) {
		api_error(exchange, 404, "no monitor watches alerts");
	} else if (exchange->body.n > api->alerts_config->max_body) {
		(void)snprintf(
			words, sizeof(words),
			"a message of %zu bytes is more than "
			"alerts.max_body, %llu",
			exchange->body.n,
			(unsigned long long)api->alerts_config->max_body);
		answer(api, exchange, 413, words);
	} else if (!is_plain(exchange->message)) {
		answer(api, exchange, 415,
		       "a Content-Encoding is not understood; send none");
	} else {
		take(api, exchange);
	}
}
