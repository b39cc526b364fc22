/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/worker/reload.h"

#include <errno.h>
#include "base/number.h"

enum {
	STATUS_OK = 200,
	STATUS_LAST_OK = 299,
	STATUS_UNAUTHORIZED = 401,
	STATUS_FORBIDDEN = 403,
	STATUS_NOT_FOUND = 404,
	STATUS_ERROR = 500,
};

static struct reload *reload_of(struct link_call *call)
{
	return container_of(call, struct reload, call);
}

bool reload_is_busy(const struct reload *reload)
{
	return reload->busy;
}

static void complete(struct reload *reload, enum reload_result result)
{
	reload->busy = false;
	reload->result = result;
	if (!reload->link->life->closing)
		reload->done(reload);
}

/* --- looking ----------------------------------------------------------------- */

static void *wanted(void *context, struct slice name)
{
	struct reload *reload = context;

	if (slice_is(name, "prometheus_config_last_reload_successful"))
		return &reload->successful;
	if (slice_is(name, "prometheus_config_last_reload_success_timestamp_"
	                   "seconds"))
		return &reload->success_s;
	return NULL;
}

static void on_sample(void *context, const struct exposition_sample *sample)
{
	double value;

	(void)context;
	if (number_parse_double(sample->value, &value) == 0)
		*(double *)sample->family = value;
}

static const struct exposition_callbacks callbacks = {
	.wanted = wanted,
	.sample = on_sample,
};

static int on_metrics(struct link_call *call, struct slice bytes)
{
	return exposition_feed(&reload_of(call)->text, bytes);
}

static void conclude(struct reload *reload)
{
	if (reload->successful < 0)
		reload->loaded = LOADED_UNKNOWN;
	else
		reload->loaded =
			reload->successful > 0 ? LOADED_YES : LOADED_NO;
	if (reload->looking_only || reload->loaded != LOADED_NO) {
		complete(reload, RELOAD_DONE);
		return;
	}
	(void)err_set(&reload->err, -EPROTO,
	              "Prometheus has not loaded its configuration; its log "
	              "says what is wrong with it");
	complete(reload, RELOAD_REJECTED);
}

static void on_looked(struct link_call *call)
{
	struct reload *reload = reload_of(call);
	bool good = !call->err.code && call->status == STATUS_OK &&
	            exposition_finish(&reload->text) == 0;

	exposition_fini(&reload->text);
	if (!good && reload->looking_only)
		link_explain(call, &reload->err);
	buf_fini(&call->answer);
	if (good) {
		conclude(reload);
		return;
	}
	/* that it shows no metrics is its right */
	reload->loaded = LOADED_UNKNOWN;
	reload->success_s = 0;
	complete(reload, reload->looking_only ? RELOAD_FAILED : RELOAD_DONE);
}

static int look(struct reload *reload)
{
	int r;

	reload->successful = -1;
	reload->success_s = 0;
	reload->call = (struct link_call){
		.target = slice_from("/metrics"),
		.accept = "text/plain;version=0.0.4",
		.timeout_ms = RELOAD_LOOK_MS,
		.max_body = RELOAD_MAX_METRICS,
		.on_body = on_metrics,
	};
	exposition_init(&reload->text, &callbacks, reload);
	r = link_start(reload->link, &reload->call, on_looked);
	if (r < 0) {
		reload->err = reload->call.err;
		exposition_fini(&reload->text);
		buf_fini(&reload->call.answer);
	}
	return r;
}

/* --- reloading --------------------------------------------------------------- */

static void explain(struct reload *reload)
{
	const struct link_call *call = &reload->call;

	link_explain(call, &reload->err);
	if (call->err.code)
		return;
	if (call->status == STATUS_UNAUTHORIZED)
		(void)err_set(&reload->err, -EPERM,
		              "Prometheus wants a user and a password: let "
		              "BOUNCER_PROMETHEUS be "
		              "http://USER:PASSWORD@HOST:PORT");
	else if (call->status == STATUS_FORBIDDEN)
		(void)err_set(&reload->err, -EPERM,
		              "Prometheus does not let itself be reloaded: "
		              "start it with --web.enable-lifecycle");
	else if (call->status == STATUS_NOT_FOUND)
		(void)err_set(&reload->err, -ENOENT,
		              "there is no /-/reload: does --prometheus name "
		              "a Prometheus, with its path?");
}

static void on_reloaded(struct link_call *call)
{
	struct reload *reload = reload_of(call);
	enum reload_result result = RELOAD_FAILED;
	bool good = !call->err.code && call->status >= STATUS_OK &&
	            call->status <= STATUS_LAST_OK;

	if (!good)
		explain(reload);
	if (!call->err.code && call->status == STATUS_ERROR)
		result = RELOAD_REJECTED;
	buf_fini(&call->answer);
	if (result == RELOAD_REJECTED)
		reload->loaded = LOADED_NO;
	if (good && !call->link->life->closing && look(reload) == 0)
		return;
	if (good)
		reload->loaded = LOADED_UNKNOWN;
	complete(reload, good ? RELOAD_DONE : result);
}

int reload_start(struct reload *reload, void (*done)(struct reload *reload))
{
	int r;

	reload->done = done;
	reload->looking_only = false;
	reload->loaded = LOADED_UNKNOWN;
	err_clear(&reload->err);
	reload->call = (struct link_call){
		.method = "POST",
		.target = slice_from("/-/reload"),
		.timeout_ms = RELOAD_TIMEOUT_MS,
		.max_body = LINK_MAX_REFUSAL,
	};
	r = link_start(reload->link, &reload->call, on_reloaded);
	reload->busy = r == 0;
	if (r < 0) {
		reload->err = reload->call.err;
		buf_fini(&reload->call.answer);
	}
	return r;
}

int reload_look(struct reload *reload, void (*done)(struct reload *reload))
{
	int r;

	reload->done = done;
	reload->looking_only = true;
	err_clear(&reload->err);
	r = look(reload);
	reload->busy = r == 0;
	return r;
}

void reload_cancel(struct reload *reload)
{
	if (reload->busy)
		link_cancel(&reload->call);
}

void reload_close(struct reload *reload)
{
	reload_cancel(reload);
}
