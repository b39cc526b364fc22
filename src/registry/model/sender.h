/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sender: the drivers of notifiers: Promgen's that are plain HTTP, and the
 * presets of webhooks under their own names.
 */
#pragma once

#include "base/err.h"
#include "base/macros.h"
#include "base/slice.h"
#include "core/webhook.h"

enum sender {
	SENDER_WEBHOOK,      /* Alertmanager's own document; "json", too */
	SENDER_ALERTMANAGER, /* … for another one's API */
	SENDER_PAGERDUTY,    /* Events v2 */
	SENDER_WORDS,        /* a preset, for people */
};

/* 0 with *senderp and, of SENDER_WORDS, *presetp; or -EINVAL with words: there
 * is none of that name, or what to use in its place. */
int sender_find(struct slice name, enum sender *senderp,
                enum webhook_preset *presetp, struct err *err) MUST_CHECK;

/* Is it a sender that is known? As struct field's check. */
int sender_check_name(struct slice name, struct err *err) MUST_CHECK;
/* … and can it use that value? The name must have passed. */
int sender_check(const char *name, const char *value,
                 struct err *err) MUST_CHECK;

/*
 * sender_pagerduty() - what a value of SENDER_PAGERDUTY says
 *
 * "KEY", "NAME:KEY" as Promgen has it (NAME "eu", in any case: the European
 * service; else the other), or "URL:KEY". KEY has 32 letters and digits. 0 or
 * -EINVAL.
 */
int sender_pagerduty(struct slice value, struct slice *urlp, struct slice *keyp,
                     struct err *err) MUST_CHECK;
