/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check: what may stand in fields, beyond the checks that kind.h shares; each
 * 0, or -EINVAL with words that say what is expected.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include "base/err.h"
#include "base/slice.h"
#include "registry/model/kind.h"
#include "registry/model/label_set.h"

#define CHECK_HOST_MAX 253 /* bytes of a name in DNS, RFC 1035 */
/* of the values of an exporter's parameters: each is a scrape of its own */
#define PARAMS_MAX_COMBINATIONS 64

int check_lines(struct slice text, struct err *err); /* with \n and \t */
int check_comment(struct slice text, struct err *err);
int check_path(struct slice text, struct err *err);    /* "", /metrics?a=b */
int check_web_url(struct slice text, struct err *err); /* http, https */
int check_optional_url(struct slice text, struct err *err);
int check_scheme(struct slice text, struct err *err);
int check_match(struct slice text, struct err *err);
int check_operator(struct slice text, struct err *err);
int check_scope(struct slice text, struct err *err);
int check_hash(struct slice text, struct err *err);
int check_positive_duration(struct slice text, struct err *err);

/* UTF-8 without control characters, FIELD_MAX_TEXT at most. */
int check_text(struct slice text, struct err *err);

/* A duration of Prometheus in milliseconds: 1h30m, 250ms, 0. 0 or -EINVAL. */
int duration_of_prometheus(struct slice text, uint64_t *msp) MUST_CHECK;

/* An address in the one way to write it: of IPv6 without brackets and as
 * inet_ntop() does; what is none is copied. @out holds CHECK_HOST_MAX + 1.
 * False: it does not fit, so that it is no host either. */
bool host_canonical(struct slice text, char *out);

/* Its text is kept so. */
bool field_is_host(const struct field *field);

/* Labels that we set ourselves cannot be given. */
int check_target_labels(const struct label_set *set, struct err *err);
int check_rule_labels(const struct label_set *set, struct err *err);
int check_annotations(const struct label_set *set, struct err *err);
int check_params(const struct label_set *set, struct err *err);
