/* SPDX-License-Identifier: Apache-2.0 */
#include "source/pushgateway.h"

#include <errno.h>
#include <stdbool.h>
#include "base/buf.h"
#include "base/mem.h"
#include "base/rng.h"
#include "source/pushgateway_reading.h"

#define HTTP_PORT   80 /* where the URL has none */
#define NOT_ASKED   UINT64_MAX
#define MAX_NAME    4096 /* of an URL without its password */
#define MAX_DOUBLES 3    /* 2^3 is PUSHGATEWAY_BACKOFF_MAX */

struct pushgateway {
	struct source source;
	const struct log *log;
	struct source_listener listener;
	char *url_text; /* what reading.url points into */
	char *name;
	struct push_table table;
	struct pushgateway_reading reading;

	/* when to read; monotonic, as uv_now() */
	uv_loop_t *loop;
	uv_timer_t timer;
	bool timer_open;
	bool started;
	uint64_t interval_ms;
	uint64_t jitter_ms;  /* before the first */
	uint64_t due_ms;     /* by the interval, or by the backoff */
	uint64_t check_ms;   /* when somebody asked for it, or NOT_ASKED */
	uint64_t began_ms;   /* the last reading */
	bool scheduled;      /* that one was due, not only asked for */
	unsigned n_failures; /* scheduled ones, in a row */

	/* what was last written to the log */
	bool has_read;
	enum reading_result last;
	bool last_damaged;

	bool closing;
	pushgateway_closed_cb closed;
	void *closed_context;
};

static void on_read(struct pushgateway_reading *reading);

/* --- when ---------------------------------------------------------------- */

static void on_due(uv_timer_t *timer);

static void pushgateway_arm(struct pushgateway *gw)
{
	uint64_t now_ms = uv_now(gw->loop);
	uint64_t next_ms = MIN(gw->due_ms, gw->check_ms);

	if (gw->closing || pushgateway_reading_busy(&gw->reading))
		return;
	/* fails only on a timer that is closing */
	(void)uv_timer_start(&gw->timer, on_due,
	                     next_ms > now_ms ? next_ms - now_ms : 0, 0);
}

/* One interval after the first failure, then twice that, … up to a ceiling
 * that is never below the interval. */
static uint64_t backoff_ms(const struct pushgateway *gw)
{
	uint64_t ceiling_ms = MAX(gw->interval_ms,
	                          MIN(PUSHGATEWAY_BACKOFF_MAX * gw->interval_ms,
	                              (uint64_t)PUSHGATEWAY_BACKOFF_MS));
	unsigned n_doubles = MIN(gw->n_failures - 1, MAX_DOUBLES);

	return MIN(gw->interval_ms << n_doubles, ceiling_ms);
}

/* Good readings keep to a grid, however long each takes. */
static void schedule_after_success(struct pushgateway *gw)
{
	uint64_t now_ms = uv_now(gw->loop);

	if (gw->n_failures > 0)
		gw->due_ms = gw->began_ms;
	gw->n_failures = 0;
	if (gw->due_ms <= now_ms)
		gw->due_ms += ((now_ms - gw->due_ms) / gw->interval_ms + 1) *
		              gw->interval_ms;
}

/* A failure that was only asked for changes nothing about when the next try is
 * due. */
static void schedule_after_failure(struct pushgateway *gw)
{
	if (!gw->scheduled)
		return;
	gw->n_failures++;
	gw->due_ms = uv_now(gw->loop) + backoff_ms(gw);
}

/* --- saying what was read ------------------------------------------------ */

static void log_change(struct pushgateway *gw)
{
	const struct pushgateway_reading *reading = &gw->reading;
	bool damaged = reading->n_damaged > 0;

	if (reading->result != READING_OK) {
		if (!gw->has_read || gw->last != reading->result)
			log_warn(gw->log, "source cannot be read",
			         LOG_STR("source", gw->name),
			         LOG_STR("reason",
			                 reading_result_name(reading->result)),
			         LOG_STR("detail", reading->err.message));
	} else {
		if (!gw->has_read || gw->last != READING_OK)
			log_info(gw->log, "source can be read",
			         LOG_STR("source", gw->name),
			         LOG_INT("bytes", reading->n_bytes),
			         LOG_MS("took", reading->duration_ms));
		if (damaged && !gw->last_damaged)
			log_warn(gw->log, "parts of a source were left out",
			         LOG_STR("source", gw->name),
			         LOG_INT("parts", reading->n_damaged));
		gw->last_damaged = damaged;
	}
	gw->has_read = true;
	gw->last = reading->result;
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
	if (reading->result == READING_OK)
		schedule_after_success(gw);
	else
		schedule_after_failure(gw);
	log_change(gw);
	publish(gw);
	pushgateway_arm(gw);
}

static void on_due(uv_timer_t *timer)
{
	struct pushgateway *gw = container_of(timer, struct pushgateway, timer);

	gw->began_ms = uv_now(gw->loop);
	gw->scheduled = gw->began_ms >= gw->due_ms;
	gw->check_ms = NOT_ASKED;
	if (pushgateway_reading_start(&gw->reading, on_read) < 0) {
		gw->reading.result = READING_ERROR;
		gw->reading.duration_ms = 0;
		on_read(&gw->reading);
	}
}

void pushgateway_start(struct pushgateway *gw)
{
	uv_update_time(gw->loop);
	gw->started = true;
	gw->due_ms = uv_now(gw->loop) + gw->jitter_ms;
	pushgateway_arm(gw);
}

void pushgateway_check(struct pushgateway *gw)
{
	uint64_t gap_ms =
		MIN(gw->interval_ms, (uint64_t)PUSHGATEWAY_CHECK_GAP_MS);

	if (!gw->started || gw->closing ||
	    pushgateway_reading_busy(&gw->reading))
		return;
	gw->check_ms = gw->began_ms + gap_ms;
	pushgateway_arm(gw);
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

/* Origin and path: the URL without user and password. */
static char *make_name(const struct url *url)
{
	char origin[URL_ORIGIN_MAX];
	struct buf name;
	char *text;

	buf_init(&name, MAX_NAME);
	(void)buf_puts(&name, url_origin(url, origin));
	(void)buf_append(&name, url->path.p, url->path.n);
	text = buf_take(&name);
	buf_fini(&name);
	return text;
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
	gw->name = make_name(&gw->reading.url);
	if (!gw->name)
		return err_set_code(err, -ENOMEM, "%s", "pushgateway");
	gw->source.name = gw->name;
	gw->reading.name = gw->name;
	/* cannot fail; nothing may after it */
	return uv_timer_init(gw->loop, &gw->timer);
}

int pushgateway_new(const struct pushgateway_options *options,
                    const struct source_listener *listener,
                    struct pushgateway **gatewayp, struct err *err)
{
	struct pushgateway *gw = mem_calloc(1, sizeof(*gw));
	struct rng rng = { options->seed };
	int r;

	if (!gw)
		return err_set_code(err, -ENOMEM, "%s", "pushgateway");
	gw->loop = options->loop;
	gw->log = options->log;
	gw->listener = *listener;
	gw->interval_ms = MAX(options->interval_ms, 1);
	gw->jitter_ms =
		rng_below(&rng, MIN(gw->interval_ms, PUSHGATEWAY_JITTER_MS));
	gw->check_ms = NOT_ASKED;
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
	gw->timer_open = true;
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

	if (gw->timer_open || pushgateway_reading_busy(&gw->reading))
		return;
	pushgateway_free(gw);
	closed(context);
}

static void on_timer_closed(uv_handle_t *handle)
{
	struct pushgateway *gw =
		container_of((uv_timer_t *)handle, struct pushgateway, timer);

	gw->timer_open = false;
	pushgateway_maybe_closed(gw);
}

void pushgateway_close(struct pushgateway *gw, pushgateway_closed_cb closed,
                       void *context)
{
	gw->closing = true;
	gw->closed = closed;
	gw->closed_context = context;
	pushgateway_reading_cancel(&gw->reading);
	uv_close((uv_handle_t *)&gw->timer, on_timer_closed);
}
