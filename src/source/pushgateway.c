/* SPDX-License-Identifier: Apache-2.0 */
#include "source/pushgateway.h"

#include <errno.h>
#include <stdbool.h>
#include "base/mem.h"
#include "base/rng.h"
#include "source/poll.h"
#include "source/pushgateway_reading.h"

#define HTTP_PORT 80 /* where the URL has none */

struct pushgateway {
	struct source source;
	struct source_listener listener;
	char *url_text; /* what reading.url points into */
	char *name;
	struct push_table table;
	struct pushgateway_reading reading;

	struct poll poll;
	bool polls; /* it was made, and is not closed yet */
	struct source_log said;
	bool last_damaged; /* and told so */

	bool closing;
	pushgateway_closed_cb closed;
	void *closed_context;
};

/* --- saying what was read ------------------------------------------------ */

static void log_damage(struct pushgateway *gw)
{
	const struct pushgateway_reading *reading = &gw->reading;
	bool damaged = reading->n_damaged > 0;

	if (reading->result != READING_OK)
		return;
	if (damaged && !gw->last_damaged)
		log_warn(gw->said.log, "parts of a source were left out",
		         LOG_STR("source", gw->name),
		         LOG_INT("parts", reading->n_damaged));
	gw->last_damaged = damaged;
}

static void on_observation(void *context, uint32_t number,
                           const struct observation *observation)
{
	struct pushgateway *gw = context;

	/* the listener may have closed us */
	if (!gw->closing)
		gw->listener.observe(gw->listener.context, &gw->source, number,
		                     observation);
}

static void publish(struct pushgateway *gw)
{
	const struct pushgateway_reading *reading = &gw->reading;
	struct reading summary = {
		.result = reading->result,
		.detail = reading->result == READING_OK ? ""
		                                        : reading->err.message,
		.n_bytes = reading->n_bytes,
		.duration_ms = reading->duration_ms,
	};

	source_log_reading(&gw->said, &gw->source, &summary);
	log_damage(gw);
	gw->listener.begin(gw->listener.context, &gw->source, &summary);
	if (reading->result == READING_OK)
		push_table_conclude(&gw->table, &reading->conclusion,
		                    on_observation, gw);
	else
		push_table_conclude_unknown(&gw->table, on_observation, gw);
	if (!gw->closing)
		gw->listener.end(gw->listener.context, &gw->source);
}

/* --- reading ------------------------------------------------------------- */

static void pushgateway_maybe_closed(struct pushgateway *gw);

static void on_read(struct pushgateway_reading *reading)
{
	struct pushgateway *gw =
		container_of(reading, struct pushgateway, reading);

	if (gw->closing) {
		pushgateway_maybe_closed(gw);
		return;
	}
	poll_ended(&gw->poll, reading->result == READING_OK);
	publish(gw);
}

static void on_due(struct poll *poll)
{
	struct pushgateway *gw = container_of(poll, struct pushgateway, poll);

	if (pushgateway_reading_start(&gw->reading, on_read) < 0) {
		gw->reading.result = READING_ERROR;
		gw->reading.duration_ms = 0;
		on_read(&gw->reading);
	}
}

void pushgateway_start(struct pushgateway *gw)
{
	poll_start(&gw->poll);
}

void pushgateway_check(struct pushgateway *gw)
{
	poll_check(&gw->poll);
}

/* --- the object ---------------------------------------------------------- */

static void pushgateway_free(struct pushgateway *gw)
{
	push_table_fini(&gw->table);
	pushgateway_reading_fini(&gw->reading);
	mem_free(gw->url_text);
	mem_free(gw->name);
	mem_free(gw);
}

static int set_up(struct pushgateway *gw,
                  const struct pushgateway_options *options, struct err *err)
{
	int r;

	gw->url_text = mem_strdup(options->url);
	if (!gw->url_text)
		return err_set_code(err, -ENOMEM, "%s", "pushgateway");
	r = url_parse(slice_from(gw->url_text), HTTP_PORT, &gw->reading.url,
	              err);
	if (r < 0) {
		err_wrap(err, "pushgateway");
		return r;
	}
	gw->name = source_make_name(&gw->reading.url);
	if (!gw->name)
		return err_set_code(err, -ENOMEM, "%s", "pushgateway");
	gw->source.name = gw->name;
	gw->reading.name = gw->name;
	return 0;
}

int pushgateway_new(const struct pushgateway_options *options,
                    const struct source_listener *listener,
                    struct pushgateway **gatewayp, struct err *err)
{
	struct pushgateway *gw = mem_calloc(1, sizeof(*gw));
	struct rng rng = { options->seed };
	uint64_t jitter_ms;
	int r;

	if (!gw)
		return err_set_code(err, -ENOMEM, "%s", "pushgateway");
	gw->said.log = options->log;
	gw->listener = *listener;
	jitter_ms = rng_below(
		&rng, MIN(MAX(options->interval_ms, 1), PUSHGATEWAY_JITTER_MS));
	push_table_init(&gw->table, rng_next(&rng));
	gw->reading = (struct pushgateway_reading){
		.client = options->client,
		.timeout_ms = options->timeout_ms,
		.max_body = options->max_body,
		.table = &gw->table,
	};
	pushgateway_reading_init(&gw->reading);

	r = set_up(gw, options, err);
	if (r < 0) {
		pushgateway_free(gw);
		return r;
	}
	poll_init(&gw->poll, options->loop, options->interval_ms, jitter_ms,
	          on_due);
	gw->polls = true;
	*gatewayp = gw;
	return 0;
}

int pushgateway_subscribe(struct pushgateway *gw, uint32_t subscription,
                          const struct push_query *query)
{
	return push_table_add(&gw->table, subscription, query);
}

struct source *pushgateway_source(struct pushgateway *gw)
{
	return &gw->source;
}

static void pushgateway_maybe_closed(struct pushgateway *gw)
{
	pushgateway_closed_cb closed = gw->closed;
	void *context = gw->closed_context;

	if (gw->polls || pushgateway_reading_busy(&gw->reading))
		return;
	pushgateway_free(gw);
	closed(context);
}

static void on_poll_closed(struct poll *poll)
{
	struct pushgateway *gw = container_of(poll, struct pushgateway, poll);

	gw->polls = false;
	pushgateway_maybe_closed(gw);
}

void pushgateway_close(struct pushgateway *gw, pushgateway_closed_cb closed,
                       void *context)
{
	gw->closing = true;
	gw->closed = closed;
	gw->closed_context = context;
	pushgateway_reading_cancel(&gw->reading);
	poll_close(&gw->poll, on_poll_closed);
}
