/* SPDX-License-Identifier: Apache-2.0 */
/*
 * signal_name: signals as people and container engines write them: "SIGTERM",
 * "SIGRTMIN+3", "SIGRTMAX-2", "15".
 */
#pragma once

#include "base/slice.h"

#define SIGNAL_NUMBER_MAX 64

/* For "did you mean". */
#define N_SIGNAL_NAMES 31
extern const char *const signal_names[N_SIGNAL_NAMES];

/* Its number on this machine; 0: it is none. */
int signal_number(struct slice text);
