/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ping: GET, POST or HEAD /ping/JOB{/LABEL/VALUE}{/start|/fail|/CODE}, a sign
 * of life without metrics. What a POST carries is not looked at.
 */
#include "api/gateway.h"

#include <errno.h>
#include "api/routes.h"
#include "source/builtin.h"

/* 200, or the status of the refusal with words in @err. */
static uint16_t ping(struct api *api, const struct http_exchange *exchange,
                     struct err *err)
{
	struct slice path = slice_skip(exchange->path, strlen("/ping"));
	struct push_key *key = &api->pushes->key;
	struct ping ping;
	uint16_t status;
	int r;

	r = ping_path_parse(path, key, &ping, err);
	if (r == -ENOENT) {
		(void)err_set(err, r,
		              "a ping goes to /ping/JOB{/LABEL/VALUE}, with "
		              "/start, /fail or an exit code behind it or not");
		return 404;
	}
	if (r == -EINVAL)
		return 400;
	if (r == 0)
		r = push_store_beat(builtin_store(api->builtin), key, &ping,
		                    builtin_now(api->builtin), err);
	status = api_store_status(r, err);
	return status ? status : 200;
}

void api_ping(struct api *api, struct http_exchange *exchange,
              struct slice rest)
{
	struct err err = { 0 };
	uint16_t status;

	if (!api_has_gateway(api, exchange))
		return;
	status = ping(api, exchange, &err);
	api_count_push(api, status);
	http_respond_text(exchange, status, "%s",
	                  status == 200 ? "OK" : err.message);
}
