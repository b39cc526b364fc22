/* SPDX-License-Identifier: Apache-2.0 */
/*
 * push_body_private: the result of reading a body as it grows, for those who
 * read it. Each returns 0 or -ENOMEM.
 */
#pragma once

#include "proto/push_body.h"

/* Forgets what was read, keeps the memory. */
void push_body_begin(struct push_body *body);

/* The family that a line with @name is about: itself, or the summary or
 * histogram of which it is a child; made if there is none. */
int push_body_family(struct push_body *body, struct slice name,
                     uint32_t *familyp, enum metric_suffix *suffixp) MUST_CHECK;

/* Room for one more sample, and for the labels of one. */
int push_body_reserve(struct push_body *body) MUST_CHECK;
