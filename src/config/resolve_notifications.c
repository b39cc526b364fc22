/* SPDX-License-Identifier: Apache-2.0 */
/* Who is told what. */
#include "config/resolve.h"

#include <errno.h>
#include "base/text.h"

#define N_SUBSCRIBED (NOTICE_STORM + 1) /* the events before are for people */
#define ALL_EVENTS   ((1u << N_SUBSCRIBED) - 1)

static void read_events(struct resolve *resolve, const struct reader *reader,
                        const struct raw_notification *raw, unsigned *eventsp)
{
	struct place list = reader_place(reader, "events");
	const char *names[N_SUBSCRIBED];

	if (!place_find(&list)) {
		*eventsp = ALL_EVENTS;
		return;
	}
	if (raw->n_events == 0 && !place_reported(&list))
		problem_at(resolve->problems, &list,
		           "is empty; remove the key for all events");
	for (unsigned i = 0; i < N_SUBSCRIBED; i++)
		names[i] = notice_event_name((enum notice_event)i);
	for (unsigned i = 0; i < raw->n_events; i++) {
		struct place at = { .up = &list, .index = i };
		struct reader item = { .problems = resolve->problems,
			               .place = &at };
		unsigned event = 0;

		if (!place_left_out(&at) &&
		    read_word(&item, NULL, raw->events[i], names, N_SUBSCRIBED,
		              &event))
			*eventsp |= 1u << event;
	}
}

static void read_name(struct resolve *resolve, const struct reader *reader,
                      const char *text, const struct notification *others,
                      struct notification *notification)
{
	struct slice name = slice_from(text);

	if (!read_required(reader, "name", text))
		return;
	if (name.n == 0 || !text_is_printable(name))
		reader_value(reader, "name", text,
		             "is not a name; it must not be empty or contain "
		             "control characters");
	for (const struct notification *other = others; other < notification;
	     other++) {
		if (text_equal(other->name, text))
			reader_value(reader, "name", text,
			             "is the name of notifications[%zu] "
			             "already",
			             (size_t)(other - others));
	}
	notification->name = resolve_text(resolve, text);
}

void resolve_notifications(struct resolve *resolve,
                           const struct raw_config *raw)
{
	struct place list = { .up = &resolve->root, .key = "notifications" };
	struct notification *notifications;

	if (raw->n_notifications == 0)
		return;
	notifications = arena_calloc(resolve->memory, raw->n_notifications,
	                             sizeof(*notifications));
	if (!notifications) {
		resolve->failed = -ENOMEM;
		return;
	}
	for (size_t i = 0; i < raw->n_notifications && !resolve->failed; i++) {
		struct notification *one = &notifications[i];
		struct place place = { .up = &list, .index = i };
		struct reader reader = { .problems = resolve->problems,
			                 .place = &place };

		if (place_left_out(&place))
			continue;
		one->webhook.timeout_ms = WEBHOOK_TIMEOUT_MS;
		one->webhook.max_tries = WEBHOOK_TRIES;
		read_name(resolve, &reader, raw->notifications[i].name,
		          notifications, one);
		read_events(resolve, &reader, &raw->notifications[i],
		            &one->events);
		resolve_webhook(resolve, &reader,
		                &raw->notifications[i].webhook, TEMPLATE_ALL,
		                &one->webhook);
	}
	resolve->notifications = notifications;
}
