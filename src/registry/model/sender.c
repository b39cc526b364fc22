/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/model/sender.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include "base/text.h"
#include "proto/url.h"

#define PROMGEN       "promgen.notification."
#define PAGERDUTY_KEY 32

struct driver {
	const char *name; /* Promgen's have one more, with PROMGEN before it */
	enum sender sender;
	enum webhook_preset preset;
};

static const struct driver drivers[] = {
	{ "webhook", SENDER_WEBHOOK, WEBHOOK_JSON },
	{ "json", SENDER_WEBHOOK, WEBHOOK_JSON },
	{ "alertmanager", SENDER_ALERTMANAGER, WEBHOOK_ALERTMANAGER },
	{ "pagerduty", SENDER_PAGERDUTY, WEBHOOK_JSON },
	{ "slack", SENDER_WORDS, WEBHOOK_SLACK },
	{ "mattermost", SENDER_WORDS, WEBHOOK_MATTERMOST },
	{ "discord", SENDER_WORDS, WEBHOOK_DISCORD },
	{ "ntfy", SENDER_WORDS, WEBHOOK_NTFY },
	{ "gotify", SENDER_WORDS, WEBHOOK_GOTIFY },
	{ "apprise", SENDER_WORDS, WEBHOOK_APPRISE },
};

/* What Promgen has and we do not, and what does. */
static const struct {
	const char *name;
	const char *remedy;
} absent[] = {
	{ "email", "we send no mail; use apprise with the URL of an Apprise "
	           "API that has a mailto://, or a webhook" },
	{ "linenotify",
	  "LINE Notify ended in 2025; use apprise with a line://, "
	  "or a webhook" },
	{ "user", "there are no users here; give the service or the project "
	          "a notifier of its own" },
};

int sender_find(struct slice name, enum sender *senderp,
                enum webhook_preset *presetp, struct err *err)
{
	struct slice rest = slice_starts(name, PROMGEN)
	                            ? slice_skip(name, strlen(PROMGEN))
	                            : name;

	for (size_t i = 0; i < ARRAY_SIZE(drivers); i++) {
		if (!slice_is(rest, drivers[i].name))
			continue;
		*senderp = drivers[i].sender;
		*presetp = drivers[i].preset;
		return 0;
	}
	for (size_t i = 0; i < ARRAY_SIZE(absent); i++) {
		if (slice_is(rest, absent[i].name))
			return err_set(err, -EINVAL, "%s", absent[i].remedy);
	}
	return err_set(err, -EINVAL,
	               "must be one of webhook, json, alertmanager, pagerduty, "
	               "slack, mattermost, discord, ntfy, gotify and apprise, "
	               "also with " PROMGEN " before it");
}

int sender_check_name(struct slice name, struct err *err)
{
	enum webhook_preset preset;
	enum sender sender;

	return sender_find(name, &sender, &preset, err);
}

/* --- values --------------------------------------------------------------------- */

static bool is_key(struct slice key)
{
	for (size_t i = 0; i < key.n; i++) {
		if (!isalnum((unsigned char)key.p[i]))
			return false;
	}
	return key.n == PAGERDUTY_KEY;
}

static bool is_http(struct slice text)
{
	return slice_starts(text, "http://") || slice_starts(text, "https://");
}

int sender_pagerduty(struct slice value, struct slice *urlp, struct slice *keyp,
                     struct err *err)
{
	size_t at = value.n;

	while (at > 0 && value.p[at - 1] != ':')
		at--;
	*keyp = slice_skip(value, at);
	*urlp = slice_make(value.p, at > 0 ? at - 1 : 0);
	if (!is_key(*keyp))
		return err_set(err, -EINVAL,
		               "must be a routing key of 32 letters and "
		               "digits, NAME:KEY, or URL:KEY");
	if (!is_http(*urlp))
		*urlp = slice_from(
			slice_is_nocase(*urlp, "eu")
				? "https://events.eu.pagerduty.com/v2/enqueue"
				: "https://events.pagerduty.com/v2/enqueue");
	return 0;
}

static int check_url(struct slice value, struct err *err)
{
	struct slice target;
	struct url url;

	if (!is_http(value))
		return err_set(err, -EINVAL,
		               "must be a URL with http:// or https://");
	return url_parse_target(value, &url, &target, err);
}

int sender_check(const char *name, const char *value, struct err *err)
{
	struct slice url = slice_from(value);
	enum webhook_preset preset;
	enum sender sender;
	struct slice key;
	int r = sender_find(slice_from(name), &sender, &preset, err);

	if (r == 0 && sender == SENDER_PAGERDUTY)
		r = sender_pagerduty(slice_from(value), &url, &key, err);
	return r < 0 ? r : check_url(url, err);
}
