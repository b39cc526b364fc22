/* SPDX-License-Identifier: Apache-2.0 */
/* alertmanager: any bytes as a webhook; what is read from them holds. */
#include <stdint.h>
#include <stdlib.h>
#include "proto/alertmanager.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool good)
{
	if (!good)
		abort();
}

/* Every byte of it is touched. */
static unsigned sum(struct slice text)
{
	unsigned total = 0;

	for (size_t i = 0; i < text.n; i++)
		total += (unsigned char)text.p[i];
	return total;
}

static unsigned check_labels(const struct am_labels *labels)
{
	unsigned total = 0;

	check(labels->n <= AM_MAX_LABELS);
	for (size_t i = 0; i < labels->n; i++) {
		total += sum(labels->items[i].name) +
		         sum(labels->items[i].value);
		if (i > 0)
			check(slice_compare(labels->items[i - 1].name,
			                    labels->items[i].name) < 0);
	}
	return total;
}

static unsigned check_message(const struct am_message *message)
{
	unsigned total = sum(message->receiver) + sum(message->group_key) +
	                 sum(message->external_url) + sum(message->version) +
	                 check_labels(&message->group_labels) +
	                 check_labels(&message->common_labels) +
	                 check_labels(&message->common_annotations);
	bool firing = false;

	check(message->n_alerts <= AM_MAX_ALERTS);
	for (size_t i = 0; i < message->n_alerts; i++) {
		const struct am_alert *alert = &message->alerts[i];

		total += check_labels(&alert->labels) +
		         check_labels(&alert->annotations) +
		         sum(alert->generator_url) + sum(alert->fingerprint);
		check(alert->fingerprint.n > 0 &&
		      alert->fingerprint.n < AM_FINGERPRINT_MAX);
		firing |= alert->firing;
	}
	check(firing == message->firing);
	return total;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice body = slice_make((const char *)data, size);
	static struct am_reader *reader;
	static volatile unsigned total; /* keeps all that is read */
	struct am_message message;
	struct err err;
	int r;

	if (!reader)
		reader = am_reader_new();
	check(reader != NULL);
	r = am_read(reader, body, &message, &err);
	if (r == 0)
		total = total + check_message(&message);
	else
		check(r > 0 && err.code < 0 && err.message[0]);
	check(am_read(reader, body, &message, NULL) == r);
	return 0;
}
