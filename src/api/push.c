/* SPDX-License-Identifier: Apache-2.0 */
/*
 * push: PUT, POST and DELETE /metrics/job/JOB{/LABEL/VALUE}, answered as the
 * original Pushgateway answers.
 * https://github.com/prometheus/pushgateway#api
 */
#include "api/gateway.h"

#include <errno.h>
#include "api/routes.h"
#include "config/config.h"
#include "source/builtin.h"

#define SPARE_BODY 65536 /* bytes of a body whose memory may be kept */

static uint16_t refuse(struct err *err, uint16_t status, const char *words)
{
	(void)err_set(err, -EINVAL, "%s", words);
	return status;
}

static uint16_t out_of_memory(struct err *err)
{
	return refuse(err, 500, "out of memory");
}

/* --- what the request says ------------------------------------------------ */

/* Each returns 0, or the status of the refusal with words in @err. */

static uint16_t read_key(struct api *api, const struct http_exchange *exchange,
                         struct err *err)
{
	struct slice path = slice_skip(exchange->path, strlen("/metrics"));
	int r = push_path_parse(path, &api->pushes->key, err);

	if (r == -ENOENT)
		return refuse(err, 404,
		              "a push goes to "
		              "/metrics/job/JOB{/LABEL/VALUE}");
	if (r == -EINVAL)
		return 400;
	return r < 0 ? out_of_memory(err) : 0;
}

/* Any other type is taken for text, as the original does: curl says that it
 * sends a form. */
static uint16_t check_type(const struct http_message *message, struct err *err)
{
	static const char *const binary[] = {
		"application/vnd.google.protobuf",
		"application/x-protobuf",
	};
	struct slice type = http_message_header(message, "content-type");

	for (size_t i = 0; type.p && i < ARRAY_SIZE(binary); i++) {
		size_t n = strlen(binary[i]);

		if (type.n >= n && strncasecmp(type.p, binary[i], n) == 0)
			return refuse(err, 415,
			              "protobuf is not understood; push the "
			              "text format, Content-Type: text/plain; "
			              "version=0.0.4");
	}
	return 0;
}

static uint16_t decompress(struct api *api, struct slice *textp,
                           struct err *err)
{
	struct api_pushes *pushes = api->pushes;
	int r;

	buf_fini(&pushes->plain);
	buf_init(&pushes->plain, api->gateway->max_body);
	r = gunzip(&pushes->gunzip, *textp, &pushes->plain, err);
	*textp = buf_slice(&pushes->plain);
	switch (r) {
	case 0:
		return 0;
	case GUNZIP_E_FORMAT:
		return 400;
	case GUNZIP_E_TOO_LARGE:
		return 413;
	default:
		return out_of_memory(err);
	}
}

static uint16_t decode(struct api *api, const struct http_message *message,
                       struct slice *textp, struct err *err)
{
	struct slice coding = http_message_header(message, "content-encoding");

	if (!coding.p || coding.n == 0 || slice_is_nocase(coding, "identity"))
		return 0;
	if (slice_is_nocase(coding, "gzip") ||
	    slice_is_nocase(coding, "x-gzip"))
		return decompress(api, textp, err);
	(void)err_set(err, -EINVAL,
	              "Content-Encoding " SLICE_FMT
	              " is not understood; send gzip, or none",
	              (int)MIN(coding.n, 64), coding.p);
	return 415;
}

/* --- what becomes of it --------------------------------------------------- */

uint16_t api_store_status(int r, struct err *err)
{
	switch (r) {
	case 0:
		return 0;
	case PUSH_E_INCONSISTENT:
		return 400;
	case PUSH_E_GROUP_TOO_LARGE:
		return 413;
	case PUSH_E_TOO_MANY:
		return 429;
	default:
		return out_of_memory(err);
	}
}

static uint16_t store_push(struct api *api, struct slice text, bool replace,
                           struct err *err)
{
	struct api_pushes *pushes = api->pushes;
	struct push_store *store = builtin_store(api->builtin);
	struct push_time now = builtin_now(api->builtin);
	int r = push_body_parse(&pushes->body, text, err);

	switch (r) {
	case 0:
		return api_store_status(push_store_push(store, &pushes->key,
		                                        &pushes->body, replace,
		                                        now, err),
		                        err);
	case PUSH_BODY_E_FORMAT:
		return 400;
	case PUSH_BODY_E_TIMESTAMP:
	case PUSH_BODY_E_RESERVED:
		/* no room for a group that has failed is no other answer */
		if (push_store_note_failure(store, &pushes->key, now, NULL) < 0)
			return out_of_memory(err);
		return 400;
	default:
		return out_of_memory(err);
	}
}

static uint16_t push(struct api *api, const struct http_exchange *exchange,
                     bool replace, struct err *err)
{
	struct slice text = exchange->body;
	uint16_t status = read_key(api, exchange, err);

	if (status == 0)
		status = check_type(exchange->message, err);
	if (status == 0)
		status = decode(api, exchange->message, &text, err);
	if (status == 0)
		status = store_push(api, text, replace, err);
	if (text.n > SPARE_BODY) {
		push_body_trim(&api->pushes->body);
		buf_fini(&api->pushes->plain);
	}
	return status;
}

static void respond(struct http_exchange *exchange, uint16_t status,
                    const struct err *err)
{
	if (status < 300)
		http_respond(exchange, status, NULL, NULL, NULL);
	else
		http_respond_text(exchange, status, "%s", err->message);
}

void api_push(struct api *api, struct http_exchange *exchange,
              struct slice rest)
{
	bool replace = slice_is(exchange->message->method, "PUT");
	uint64_t began_ns = uv_hrtime();
	struct err err = { 0 };
	uint16_t status;

	if (!api_has_gateway(api, exchange))
		return;
	status = push(api, exchange, replace, &err);
	if (status == 0)
		status = 200;
	api_count_push(api, status);
	histogram_observe(&api->push_seconds,
	                  (double)(uv_hrtime() - began_ns) / 1e9);
	respond(exchange, status, &err);
}

void api_push_delete(struct api *api, struct http_exchange *exchange,
                     struct slice rest)
{
	struct err err = { 0 };
	uint16_t status;

	if (!api_has_gateway(api, exchange))
		return;
	status = read_key(api, exchange, &err);
	if (status == 0) {
		/* that it was not there is no error, as in the original */
		(void)push_store_delete(builtin_store(api->builtin),
		                        &api->pushes->key);
		status = 202;
	}
	respond(exchange, status, &err);
}
