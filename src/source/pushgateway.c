/* SPDX-License-Identifier: Apache-2.0 */
#include "source/pushgateway.h"

#include <errno.h>
#include <stdbool.h>
#include "base/mem.h"
#include "base/rng.h"
#include "source/cadence.h"
#include "source/exchange.h"
#include "source/pushgateway_reading.h"

#define HTTP_PORT 80 /* where the URL has none */

struct pushgateway {
	struct source source;
	const struct log *log;
	struct source_listener listener;
	char *url_text; /* what reading.url points into */
	char *name;
	struct push_table table;
	struct pushgateway_reading reading;

	struct cadence cadence;
	struct source_told told;

	bool closing;
	pushgateway_closed_cb closed;
	void *closed_context;
};

/* --- saying what was read ------------------------------------------------ */

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

	source_tell(&gw->told, gw->log, gw->name, &summary, reading->n_damaged);
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
	cadence_ended(&gw->cadence, reading->result == READING_OK);
	publish(gw);
	cadence_next(&gw->cadence);
}

static void on_due(struct cadence *cadence)
{
	struct pushgateway *gw =
		container_of(cadence, struct pushgateway, cadence);

	if (pushgateway_reading_start(&gw->reading, on_read) < 0) {
		gw->reading.result = READING_ERROR;
		gw->reading.duration_ms = 0;
		on_read(&gw->reading);
	}
}

void pushgateway_start(struct pushgateway *gw)
{
	cadence_start(&gw->cadence);
}

void pushgateway_check(struct pushgateway *gw)
{
	cadence_check(&gw->cadence);
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
		(void)err_wrap(err, "pushgateway");
		return r;
	}
	gw->name = source_name(&gw->reading.url, gw->reading.url.path);
	if (!gw->name)
		return err_set_code(err, -ENOMEM, "%s", "pushgateway");
	gw->source.name = gw->name;
	gw->reading.name = gw->name;
	/* cannot fail; nothing may after it */
	return cadence_init(&gw->cadence);
}

int pushgateway_new(const struct pushgateway_options *options,
                    const struct source_listener *listener,
                    struct pushgateway **gatewayp, struct err *err)
{
	struct pushgateway *gw = mem_calloc(1, sizeof(*gw));
	uint64_t interval_ms = MAX(options->interval_ms, 1);
	struct rng rng = { options->seed };
	int r;

	if (!gw)
		return err_set_code(err, -ENOMEM, "%s", "pushgateway");
	gw->log = options->log;
	gw->listener = *listener;
	gw->cadence = (struct cadence){
		.loop = options->loop,
		.due = on_due,
		.interval_ms = interval_ms,
		.jitter_ms = rng_below(&rng,
		                       MIN(interval_ms, PUSHGATEWAY_JITTER_MS)),
		.gap_ms = PUSHGATEWAY_CHECK_GAP_MS,
	};
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

	if (gw->cadence.timer_open || pushgateway_reading_busy(&gw->reading))
		return;
	pushgateway_free(gw);
	closed(context);
}

static void on_cadence_closed(struct cadence *cadence)
{
	pushgateway_maybe_closed(
		container_of(cadence, struct pushgateway, cadence));
}

void pushgateway_close(struct pushgateway *gw, pushgateway_closed_cb closed,
                       void *context)
{
	gw->closing = true;
	gw->closed = closed;
	gw->closed_context = context;
	pushgateway_reading_cancel(&gw->reading);
	cadence_close(&gw->cadence, on_cadence_closed);
}
