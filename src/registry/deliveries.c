/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/deliveries.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "action/notifier.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/rng.h"
#include "base/text.h"
#include "proto/alertmanager.h"
#include "registry/model/delivery.h"

#define READ_AGAIN_MS 5000 /* after an alert that could not be read */
#define LANE_NAME_MAX 64

/* What goes to one receiver. */
struct lane {
	struct list node;
	struct deliveries *deliveries;
	struct list items;   /* struct delivery, the oldest first */
	bool busy;           /* the first one is being tried */
	uint64_t due_ms;     /* no try before that */
	uint64_t paid_ms;    /* the rate is used up until then */
	uint32_t n_failures; /* in a row */
	struct store_read read;
	struct notifier_send *send;
	size_t n_key;
	char key[]; /* sender and value, each with its NUL */
};

/* A notifier for which something waits. All of it waits in one lane, though its
 * value may have become another since. */
struct addressee {
	uint64_t notifier_id;
	struct lane *lane;
	uint32_t n_waiting;
};

/* An end, or a try, that is being written down. */
struct note {
	struct store_write write;
	struct deliveries *deliveries;
};

struct deliveries {
	struct registry *registry;
	uv_loop_t *loop;
	const struct log *log;
	struct notifier *notifier;
	struct am_reader *reader;
	struct rng rng;
	struct map by_key;     /* lanes */
	struct map addressees; /* by the notifier's id */
	struct list lanes;     /* who had a turn is last */
	uint32_t n_running;
	uint64_t last_id; /* that was given */
	struct deliveries_stats stats;
	uv_timer_t turn;

	bool closing;
	unsigned
		n_open; /* readings, writings, tests, the notifier, the timer */
	void (*closed)(void *context);
	void *closed_context;
};

struct test {
	struct deliveries *deliveries;
	uint64_t notifier_id;
	void (*done)(void *context, bool sent, const char *words);
	void *context;
};

static const char *const state_names[N_DELIVERY_STATES] = {
	[DELIVERY_WAITING] = "waiting",
	[DELIVERY_SENT] = "sent",
	[DELIVERY_DEAD] = "dead",
	[DELIVERY_DROPPED] = "dropped",
};

const char *delivery_state_name(enum delivery_state state)
{
	return state_names[state];
}

bool delivery_state_find(struct slice name, enum delivery_state *statep)
{
	for (int i = 0; i < N_DELIVERY_STATES; i++) {
		if (slice_is(name, state_names[i])) {
			*statep = (enum delivery_state)i;
			return true;
		}
	}
	return false;
}

static int64_t wall_ms(void)
{
	uv_timeval64_t now = { 0 };

	(void)uv_gettimeofday(&now);
	return now.tv_sec * 1000 + now.tv_usec / 1000;
}

/* Nothing begins any more; the configuration may be gone. */
static bool is_ending(const struct deliveries *deliveries)
{
	return deliveries->closing ||
	       registry_is_stopping(deliveries->registry);
}

static void on_turn(uv_timer_t *timer);

static void want_turn(struct deliveries *deliveries, uint64_t after_ms)
{
	if (deliveries->notifier && !deliveries->closing)
		(void)uv_timer_start(&deliveries->turn, on_turn, after_ms, 0);
}

/* --- the end ----------------------------------------------------------------------- */

static void lane_free(struct lane *lane)
{
	LIST_FOR_EACH_SAFE (node, &lane->items)
		mem_free(container_of(node, struct delivery, node));
	mem_free(lane);
}

static void free_all(struct deliveries *deliveries)
{
	LIST_FOR_EACH_SAFE (node, &deliveries->lanes)
		lane_free(container_of(node, struct lane, node));
	MAP_FOR_EACH (entry, &deliveries->addressees)
		mem_free(entry->value);
	map_fini(&deliveries->addressees);
	map_fini(&deliveries->by_key);
	am_reader_free(deliveries->reader);
	mem_free(deliveries);
}

static void left(struct deliveries *deliveries)
{
	void (*closed)(void *context) = deliveries->closed;
	void *context = deliveries->closed_context;

	if (--deliveries->n_open > 0)
		return;
	free_all(deliveries);
	closed(context);
}

static void on_notifier_closed(void *context)
{
	left(context);
}

static void on_timer_closed(uv_handle_t *handle)
{
	left(container_of((uv_timer_t *)handle, struct deliveries, turn));
}

void deliveries_close(struct deliveries *deliveries,
                      void (*closed)(void *context), void *context)
{
	deliveries->closing = true;
	deliveries->closed = closed;
	deliveries->closed_context = context;
	uv_close((uv_handle_t *)&deliveries->turn, on_timer_closed);
	notifier_close(deliveries->notifier, DELIVERY_CLOSING_MS,
	               on_notifier_closed, deliveries);
}

/* --- lanes -------------------------------------------------------------------------- */

static const struct object *notifier_of(const struct deliveries *deliveries,
                                        uint64_t id)
{
	return model_find(registry_model(deliveries->registry), KIND_NOTIFIER,
	                  id);
}

static struct lane *lane_new(struct deliveries *deliveries, const char *sender,
                             const char *value)
{
	size_t n_sender = strlen(sender) + 1;
	size_t n_key = n_sender + strlen(value) + 1;
	struct lane *lane = mem_calloc(1, sizeof(*lane) + n_key);

	if (!lane)
		return NULL;
	lane->deliveries = deliveries;
	lane->n_key = n_key;
	memcpy(lane->key, sender, n_sender);
	memcpy(lane->key + n_sender, value, n_key - n_sender);
	list_init(&lane->items);
	list_init(&lane->node);
	return lane;
}

/* Of the notifier as it is now; those that are gone have one for all. */
static struct lane *lane_by_value(struct deliveries *deliveries,
                                  uint64_t notifier_id)
{
	const struct object *notifier = notifier_of(deliveries, notifier_id);
	struct lane *lane =
		lane_new(deliveries,
	                 notifier ? object_text(notifier, NOTIFIER_SENDER) : "",
	                 notifier ? object_text(notifier, NOTIFIER_VALUE) : "");
	struct lane *known;

	if (!lane)
		return NULL;
	known = map_get(&deliveries->by_key,
	                slice_make(lane->key, lane->n_key));
	if (known || map_set(&deliveries->by_key,
	                     slice_make(lane->key, lane->n_key), lane) < 0) {
		mem_free(lane);
		return known;
	}
	list_append(&deliveries->lanes, &lane->node);
	deliveries->stats.n_lanes++;
	return lane;
}

static struct slice id_key(const uint64_t *id)
{
	return slice_make((const char *)id, sizeof(*id));
}

static struct addressee *addressee_new(struct deliveries *deliveries,
                                       uint64_t notifier_id)
{
	struct addressee *addressee = mem_calloc(1, sizeof(*addressee));

	if (!addressee)
		return NULL;
	addressee->notifier_id = notifier_id;
	addressee->lane = lane_by_value(deliveries, notifier_id);
	if (addressee->lane &&
	    map_set(&deliveries->addressees, id_key(&addressee->notifier_id),
	            addressee) == 0)
		return addressee;
	mem_free(addressee);
	return NULL;
}

/* NULL: out of memory. */
static struct addressee *addressee_of(struct deliveries *deliveries,
                                      uint64_t notifier_id)
{
	struct addressee *addressee =
		map_get(&deliveries->addressees, id_key(&notifier_id));

	return addressee ? addressee : addressee_new(deliveries, notifier_id);
}

/* One less waits for it. */
static void addressee_left(struct deliveries *deliveries,
                           struct addressee *addressee)
{
	if (--addressee->n_waiting > 0)
		return;
	(void)map_remove(&deliveries->addressees,
	                 id_key(&addressee->notifier_id));
	mem_free(addressee);
}

static void lane_drop(struct lane *lane)
{
	struct deliveries *deliveries = lane->deliveries;

	(void)map_remove(&deliveries->by_key,
	                 slice_make(lane->key, lane->n_key));
	list_unlink(&lane->node);
	deliveries->stats.n_lanes--;
	lane_free(lane);
}

static struct delivery *first_of(const struct lane *lane)
{
	return container_of(lane->items.next, struct delivery, node);
}

/* --- written down ---------------------------------------------------------------------- */

static void on_noted(struct store_write *write)
{
	struct note *note = container_of(write, struct note, write);
	struct deliveries *deliveries = note->deliveries;

	if (write->err.code < 0) {
		deliveries->stats.n_unwritten++;
		log_warn(deliveries->log,
		         "what became of a delivery could not be kept; it may "
		         "be made again after a restart",
		         LOG_STR("reason", write->err.message));
	}
	mem_free(note);
	left(deliveries);
}

static const char update[] = "UPDATE delivery SET state = ?2, tries = ?3,"
			     " due_ms = ?4, ended_ms = ?5, words = ?6"
			     " WHERE id = ?1";

/* Takes @batch over. */
static void write_note(struct deliveries *deliveries, struct store_batch *batch)
{
	struct note *note = mem_calloc(1, sizeof(*note));
	struct err err = { 0 };
	int r = -ENOMEM;

	if (note && batch) {
		note->deliveries = deliveries;
		r = store_write(registry_store(deliveries->registry), batch,
		                &note->write, on_noted, &err);
	}
	if (r == 0) {
		deliveries->n_open++;
		return;
	}
	deliveries->stats.n_unwritten++;
	store_batch_free(batch);
	mem_free(note);
}

static void note_state(struct deliveries *deliveries,
                       const struct delivery *delivery,
                       enum delivery_state state, const char *words)
{
	struct store_batch *batch = store_batch_new();
	const struct store_value values[] = {
		STORE_INT((int64_t)delivery->id),
		STORE_INT(state),
		STORE_INT(delivery->n_tries),
		STORE_INT(delivery->due_wall_ms),
		state == DELIVERY_WAITING ? STORE_NONE : STORE_INT(wall_ms()),
		STORE_STR(slice_from(words)),
	};

	if (batch)
		store_batch_add(batch, update, values, ARRAY_SIZE(values));
	write_note(deliveries, batch);
}

/* The first of its lane has come to an end. */
static void end_first(struct lane *lane, enum delivery_state state,
                      const char *words)
{
	struct deliveries *deliveries = lane->deliveries;
	struct delivery *delivery = first_of(lane);

	note_state(deliveries, delivery, state, words);
	if (state == DELIVERY_DEAD)
		log_warn(deliveries->log, "alert not delivered",
		         LOG_INT("alert", delivery->alert_id),
		         LOG_INT("notifier", delivery->notifier_id),
		         LOG_STR("reason", words));
	deliveries->stats.n_ends[state]++;
	deliveries->stats.n_waiting--;
	list_unlink(&delivery->node);
	addressee_left(deliveries, delivery->addressee);
	mem_free(delivery);
	want_turn(deliveries, 0);
}

/* --- one try ----------------------------------------------------------------------------- */

static void lane_rests(struct lane *lane, uint64_t ms)
{
	lane->due_ms = uv_now(lane->deliveries->loop) + ms;
	want_turn(lane->deliveries, 0);
}

/* Half of it is sure, the other half is chance. */
static uint64_t pause_ms(struct lane *lane)
{
	uint64_t ms = DELIVERY_BACKOFF_MS;
	uint64_t after_ms = notifier_retry_after_ms(lane->send);

	for (uint32_t i = 1; i < lane->n_failures && ms < DELIVERY_PAUSE_MAX;
	     i++)
		ms *= 2;
	ms = MIN(ms, DELIVERY_PAUSE_MAX);
	ms = ms / 2 + rng_below(&lane->deliveries->rng, ms / 2 + 1);
	return MAX(ms, after_ms);
}

static void try_failed(struct lane *lane, const char *words)
{
	struct delivery *delivery = first_of(lane);
	uint64_t rest_ms;
	char all[NOTIFIER_WORDS_MAX + 32];

	delivery->n_tries++;
	lane->n_failures++;
	rest_ms = pause_ms(lane);
	if (delivery->n_tries >= DELIVERY_TRIES) {
		(void)snprintf(all, sizeof(all), "%s (%u tries)", words,
		               delivery->n_tries);
		end_first(lane, DELIVERY_DEAD, all);
	} else {
		lane->deliveries->stats.n_retries++;
		delivery->due_wall_ms = wall_ms() + (int64_t)rest_ms;
		note_state(lane->deliveries, delivery, DELIVERY_WAITING, words);
	}
	/* the next one need not ask the same receiver sooner */
	lane_rests(lane, rest_ms);
}

static void try_ended(struct lane *lane)
{
	lane->busy = false;
	lane->deliveries->n_running--;
}

static void on_sent(void *context, enum notifier_result result,
                    const char *words)
{
	struct lane *lane = context;

	try_ended(lane);
	switch (result) {
	case NOTIFIER_SENT:
		lane->n_failures = 0;
		first_of(lane)->n_tries++;
		end_first(lane, DELIVERY_SENT, words);
		break;
	case NOTIFIER_REFUSED:
		lane->n_failures = 0;
		first_of(lane)->n_tries++;
		end_first(lane, DELIVERY_DEAD, words);
		break;
	case NOTIFIER_FAILED:
		try_failed(lane, words);
		break;
	case NOTIFIER_DROPPED: /* we are closing: it waits for our return */
	case N_NOTIFIER_RESULTS:
		lane_rests(lane, READ_AGAIN_MS);
		break;
	}
	lane->send = NULL;
}

/* The bits of @text. NULL with *rp 0: all. */
static uint8_t *read_bits(const char *text, size_t n_alerts,
                          struct arena *arena, int *rp)
{
	size_t n = strlen(text) / 2;
	uint8_t *bits;

	*rp = 0;
	if (n == 0)
		return NULL;
	bits = arena_calloc(arena, MAX(n, n_alerts / 8 + 1), 1);
	if (!bits)
		*rp = -ENOMEM;
	for (size_t i = 0; bits && i < n; i++)
		bits[i] = (uint8_t)(text_hex_digit(text[2 * i]) << 4 |
		                    text_hex_digit(text[2 * i + 1]));
	return bits;
}

static int make_request(struct lane *lane, const struct object *notifier,
                        struct slice body, struct arena *arena,
                        struct delivery_request *request, struct err *err)
{
	struct deliveries *deliveries = lane->deliveries;
	const struct delivery *delivery = first_of(lane);
	struct delivery_part part = {
		.external_url =
			registry_config(deliveries->registry)->external_url,
		.alert_id = delivery->alert_id,
		.model = registry_model(deliveries->registry),
	};
	struct am_message message;
	struct am_message told;
	int r = am_read(deliveries->reader, body, &message, err);

	if (r != 0)
		return r < 0 ? r : -EINVAL;
	part.alerts = read_bits(delivery->alerts, message.n_alerts, arena, &r);
	if (r == 0)
		r = delivery_message(&message, &part, arena, &told);
	if (r < 0)
		return err_set(err, r, "out of memory");
	return delivery_request_make(
		request, object_text(notifier, NOTIFIER_SENDER),
		object_text(notifier, NOTIFIER_VALUE), &told, err);
}

static struct notifier_send *post(struct deliveries *deliveries,
                                  const char *name,
                                  const struct delivery_request *request,
                                  notifier_done_cb done, void *context)
{
	const struct notifier_request whole = {
		.name = name,
		.url = buf_text(&request->url),
		.body = buf_slice(&request->body),
		.headers = request->headers,
		.n_headers = request->n_headers,
		.max_tries = 1,
	};

	return notifier_post(deliveries->notifier, &whole, done, context);
}

static void send_first(struct lane *lane, const struct object *notifier,
                       struct slice body)
{
	struct delivery_request request = { 0 };
	struct arena arena = { 0 };
	struct err err = { 0 };
	char name[LANE_NAME_MAX];
	int r = make_request(lane, notifier, body, &arena, &request, &err);

	(void)snprintf(name, sizeof(name), "notifier %llu",
	               (unsigned long long)first_of(lane)->notifier_id);
	if (r == 0)
		lane->send =
			post(lane->deliveries, name, &request, on_sent, lane);
	if (r < 0 || !lane->send)
		try_ended(lane);
	if (r < 0 && r != -ENOMEM)
		end_first(lane, DELIVERY_DEAD, err.message);
	else if (!lane->send)
		lane_rests(lane, READ_AGAIN_MS);
	delivery_request_fini(&request);
	arena_fini(&arena);
}

/* What there is to say before anybody is asked; NULL: nothing. */
static const char *why_not(const struct object *notifier)
{
	if (!notifier)
		return "the notifier is gone";
	return object_number(notifier, NOTIFIER_ENABLED)
	               ? NULL
	               : "the notifier is disabled";
}

static void on_read(struct store_read *read)
{
	struct lane *lane = container_of(read, struct lane, read);
	struct deliveries *deliveries = lane->deliveries;
	const struct object *notifier =
		notifier_of(deliveries, first_of(lane)->notifier_id);
	const char *words = why_not(notifier);

	if (!words && read->err.code == 0 && read->n_rows == 0)
		words = "the alert is not kept any more";
	if (!is_ending(deliveries) && !words && read->err.code == 0) {
		send_first(lane, notifier, store_read_value(read, 0, 0).text);
	} else {
		try_ended(lane);
		if (words)
			end_first(lane, DELIVERY_DROPPED, words);
		else
			lane_rests(lane, READ_AGAIN_MS);
	}
	left(deliveries);
}

static void try_first(struct lane *lane)
{
	struct deliveries *deliveries = lane->deliveries;
	const struct delivery *delivery = first_of(lane);
	const char *words =
		why_not(notifier_of(deliveries, delivery->notifier_id));
	const struct store_value id = STORE_INT((int64_t)delivery->alert_id);

	if (words) {
		end_first(lane, DELIVERY_DROPPED, words);
		return;
	}
	if (store_read(registry_store(deliveries->registry),
	               "SELECT body FROM alert WHERE id = ?1", &id, 1,
	               &lane->read, on_read) < 0) {
		lane_rests(lane, READ_AGAIN_MS);
		return;
	}
	lane->busy = true;
	deliveries->n_running++;
	deliveries->n_open++;
}

/* --- turns ------------------------------------------------------------------------------- */

/* When the next one may go; what is paid for a burst is not waited for. */
static uint64_t lane_due_ms(const struct lane *lane)
{
	const uint64_t burst_ms =
		(uint64_t)(DELIVERY_BURST - 1) * DELIVERY_EACH_MS;
	uint64_t rate_ms =
		lane->paid_ms > burst_ms ? lane->paid_ms - burst_ms : 0;

	return MAX(lane->due_ms, rate_ms);
}

static void lane_turn(struct lane *lane, uint64_t now_ms)
{
	lane->paid_ms = MAX(lane->paid_ms, now_ms) + DELIVERY_EACH_MS;
	try_first(lane);
}

static bool is_forgotten(const struct lane *lane, uint64_t now_ms)
{
	return list_empty(&lane->items) && !lane->busy &&
	       lane->paid_ms <= now_ms && lane->due_ms <= now_ms;
}

static void on_turn(uv_timer_t *timer)
{
	struct deliveries *deliveries =
		container_of(timer, struct deliveries, turn);
	uint64_t now_ms = uv_now(deliveries->loop);
	uint64_t next_ms = UINT64_MAX;
	struct list turns;
	struct list *node;

	if (is_ending(deliveries))
		return;
	list_init(&turns);
	while ((node = list_pop(&deliveries->lanes)))
		list_append(&turns, node);
	while ((node = list_pop(&turns))) {
		struct lane *lane = container_of(node, struct lane, node);
		bool waits = !lane->busy && !list_empty(&lane->items);

		list_append(&deliveries->lanes, node);
		if (waits && deliveries->n_running < DELIVERY_RUNNING &&
		    lane_due_ms(lane) <= now_ms)
			lane_turn(lane, now_ms);
		else if (is_forgotten(lane, now_ms))
			lane_drop(lane);
		else if (waits && deliveries->n_running < DELIVERY_RUNNING)
			next_ms = MIN(next_ms, lane_due_ms(lane));
	}
	if (next_ms != UINT64_MAX &&
	    !uv_is_active((uv_handle_t *)&deliveries->turn))
		want_turn(deliveries, next_ms - now_ms);
}

/* --- more of them --------------------------------------------------------------------------- */

struct delivery *delivery_new(uint64_t alert_id, uint64_t notifier_id,
                              struct slice alerts)
{
	struct delivery *delivery =
		mem_calloc(1, sizeof(*delivery) + alerts.n + 1);

	if (!delivery)
		return NULL;
	delivery->alert_id = alert_id;
	delivery->notifier_id = notifier_id;
	list_init(&delivery->node);
	memcpy(delivery->alerts, alerts.p, alerts.n);
	return delivery;
}

static const char insert[] =
	"INSERT INTO delivery(id, alert_id, notifier_id, sender, alerts, state,"
	" tries, due_ms, created_ms, ended_ms, words)"
	" VALUES(?1, ?2, ?3, ?4, ?5, ?6, 0, 0, ?7, NULL, ?8)";

struct delivery *deliveries_add(struct deliveries *deliveries,
                                struct store_batch *batch,
                                struct delivery *delivery, int64_t now_ms)
{
	const struct object *notifier =
		notifier_of(deliveries, delivery->notifier_id);
	bool full = deliveries->stats.n_waiting >= DELIVERIES_MAX;
	const struct store_value values[] = {
		STORE_INT((int64_t)++deliveries->last_id),
		STORE_INT((int64_t)delivery->alert_id),
		STORE_INT((int64_t)delivery->notifier_id),
		STORE_STR(slice_from(
			notifier ? object_text(notifier, NOTIFIER_SENDER)
				 : "")),
		STORE_STR(slice_from(delivery->alerts)),
		STORE_INT(full ? DELIVERY_DEAD : DELIVERY_WAITING),
		STORE_INT(now_ms),
		STORE_STR(slice_from(full ? "too many deliveries wait" : "")),
	};

	delivery->id = deliveries->last_id;
	store_batch_add(batch, insert, values, ARRAY_SIZE(values));
	if (!full)
		return delivery;
	deliveries->stats.n_ends[DELIVERY_DEAD]++;
	mem_free(delivery);
	return NULL;
}

void deliveries_begin(struct deliveries *deliveries, struct delivery *delivery)
{
	int64_t rest_ms = delivery->due_wall_ms - wall_ms();
	struct addressee *addressee = NULL;
	struct lane *lane;
	bool first;

	if (!deliveries->closing)
		addressee = addressee_of(deliveries, delivery->notifier_id);
	if (!addressee) {
		mem_free(delivery);
		return;
	}
	lane = addressee->lane;
	first = list_empty(&lane->items);
	delivery->addressee = addressee;
	addressee->n_waiting++;
	list_append(&lane->items, &delivery->node);
	deliveries->stats.n_waiting++;
	if (first && delivery->n_tries > 0 && lane->n_failures == 0) {
		lane->n_failures = delivery->n_tries;
		lane->due_ms = uv_now(deliveries->loop);
		if (rest_ms > 0)
			lane->due_ms +=
				MIN((uint64_t)rest_ms, DELIVERY_PAUSE_MAX);
	}
	want_turn(deliveries, 0);
}

/* --- at the start --------------------------------------------------------------------------- */

struct opening {
	struct deliveries *deliveries;
	bool starved;
};

static void on_waiting(void *context, const struct store_value *values)
{
	struct opening *opening = context;
	struct delivery *delivery =
		delivery_new((uint64_t)values[1].integer,
	                     (uint64_t)values[2].integer, values[3].text);

	if (!delivery) {
		opening->starved = true;
		return;
	}
	delivery->id = (uint64_t)values[0].integer;
	delivery->n_tries = (uint32_t)values[4].integer;
	delivery->due_wall_ms = values[5].integer;
	deliveries_begin(opening->deliveries, delivery);
}

static void on_last_id(void *context, const struct store_value *values)
{
	struct opening *opening = context;

	opening->deliveries->last_id = (uint64_t)values[0].integer;
}

static int read_waiting(struct deliveries *deliveries, struct err *err)
{
	struct store *store = registry_store(deliveries->registry);
	struct opening opening = { .deliveries = deliveries };
	int r = store_each(store,
	                   "SELECT seq FROM sqlite_sequence"
	                   " WHERE name = 'delivery'",
	                   on_last_id, &opening, err);

	if (r == 0)
		r = store_each(store,
		               "SELECT id, alert_id, notifier_id, alerts,"
		               " tries, due_ms FROM delivery WHERE state = 0"
		               " ORDER BY id",
		               on_waiting, &opening, err);
	if (r == 0 && opening.starved)
		r = err_set(err, -ENOMEM, "out of memory");
	return r;
}

static struct deliveries *deliveries_new(struct registry *registry,
                                         uv_loop_t *loop, const struct log *log,
                                         uint64_t seed)
{
	struct deliveries *deliveries = mem_calloc(1, sizeof(*deliveries));

	if (!deliveries)
		return NULL;
	deliveries->registry = registry;
	deliveries->loop = loop;
	deliveries->log = log;
	deliveries->rng.state = seed;
	map_init(&deliveries->by_key, seed);
	map_init(&deliveries->addressees, seed);
	list_init(&deliveries->lanes);
	deliveries->reader = am_reader_new();
	if (deliveries->reader)
		return deliveries;
	free_all(deliveries);
	return NULL;
}

int deliveries_open(struct registry *registry, uv_loop_t *loop,
                    struct http_client *client, const struct log *log,
                    uint64_t seed, struct deliveries **deliveriesp,
                    struct err *err)
{
	struct deliveries *deliveries =
		deliveries_new(registry, loop, log, seed);
	int r;

	if (!deliveries)
		return err_set(err, -ENOMEM, "out of memory");
	r = read_waiting(deliveries, err);
	if (r == 0) {
		deliveries->notifier = notifier_new(loop, client, NULL, seed);
		if (!deliveries->notifier)
			r = err_set(err, -ENOMEM, "out of memory");
	}
	if (r < 0) {
		free_all(deliveries);
		return r;
	}
	(void)uv_timer_init(loop, &deliveries->turn);
	deliveries->n_open = 2; /* the timer and the notifier */
	want_turn(deliveries, 0);
	*deliveriesp = deliveries;
	return 0;
}

struct deliveries_stats deliveries_stats(const struct deliveries *deliveries)
{
	return deliveries->stats;
}

/* --- does it arrive? ---------------------------------------------------------------------------- */

/* It works (again): what waits for it need not wait longer. */
static void wake(struct deliveries *deliveries, uint64_t notifier_id)
{
	LIST_FOR_EACH (node, &deliveries->lanes) {
		struct lane *lane = container_of(node, struct lane, node);

		if (list_empty(&lane->items) ||
		    first_of(lane)->notifier_id != notifier_id)
			continue;
		lane->due_ms = 0;
		want_turn(deliveries, 0);
	}
}

static void on_tested(void *context, enum notifier_result result,
                      const char *words)
{
	struct test *test = context;
	struct deliveries *deliveries = test->deliveries;

	if (result == NOTIFIER_SENT)
		wake(deliveries, test->notifier_id);
	test->done(test->context, result == NOTIFIER_SENT, words);
	mem_free(test);
	left(deliveries);
}

#define TEST_LABELS 5

static size_t test_labels(const struct object *notifier, struct label *labels)
{
	const struct object *project = object_ref(notifier, NOTIFIER_PROJECT);
	const struct object *service =
		project ? object_ref(project, PROJECT_SERVICE)
			: object_ref(notifier, NOTIFIER_SERVICE);
	size_t n = 0;

	labels[n++] = (struct label){ slice_from("alertname"),
		                      slice_from("BouncerTest") };
	if (project)
		labels[n++] = (struct label){
			slice_from("project"),
			slice_from(object_text(project, PROJECT_NAME)),
		};
	if (service)
		labels[n++] = (struct label){
			slice_from("service"),
			slice_from(object_text(service, SERVICE_NAME)),
		};
	labels[n++] =
		(struct label){ slice_from("severity"), slice_from("info") };
	return n;
}

static int make_test(const struct object *notifier,
                     struct delivery_request *request, struct err *err)
{
	static const struct label annotation = {
		{ "summary", 7 },
		{ "This is a test; nothing is wrong.", 33 },
	};
	struct label labels[TEST_LABELS];
	const struct am_labels all = { labels, test_labels(notifier, labels) };
	const struct am_labels annotations = { &annotation, 1 };
	const struct am_alert alert = {
		.firing = true,
		.labels = all,
		.annotations = annotations,
		.starts_ms = wall_ms(),
		.ends_ms = AM_NEVER,
		.generator_url = slice_from(""),
		.fingerprint_made = true,
	};
	const struct am_message message = {
		.firing = true,
		.receiver = slice_from("bouncer"),
		.external_url = slice_from(""),
		.group_key = slice_from("bouncer test"),
		.group_labels = all,
		.common_labels = all,
		.common_annotations = annotations,
		.alerts = &alert,
		.n_alerts = 1,
	};

	return delivery_request_make(
		request, object_text(notifier, NOTIFIER_SENDER),
		object_text(notifier, NOTIFIER_VALUE), &message, err);
}

int deliveries_test(struct deliveries *deliveries,
                    const struct object *notifier,
                    void (*done)(void *context, bool sent, const char *words),
                    void *context, struct err *err)
{
	struct test *test = mem_calloc(1, sizeof(*test));
	struct delivery_request request;
	char name[LANE_NAME_MAX];
	int r = make_test(notifier, &request, err);

	(void)snprintf(name, sizeof(name), "test of notifier %llu",
	               (unsigned long long)object_id(notifier));
	if (r == 0 && test && !deliveries->closing) {
		*test = (struct test){ deliveries, object_id(notifier), done,
			               context };
		if (!post(deliveries, name, &request, on_tested, test))
			r = -ENOMEM;
	} else if (r == 0) {
		r = -ENOMEM;
	}
	if (r == -ENOMEM)
		(void)err_set(err, r, "out of memory");
	if (r == 0)
		deliveries->n_open++;
	else
		mem_free(test);
	delivery_request_fini(&request);
	return r;
}
