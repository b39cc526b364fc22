/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sigv4: signs a request to AWS, Signature Version 4: the value of the header
 * Authorization. Pure.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/create-signed-request.html
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define SIGV4_MAX_AUTHORIZATION 1024
#define SIGV4_DATE_SIZE         17 /* "20150830T123600Z" and NUL */

struct sigv4_request {
	const char *method; /* "PUT" */
	const char *path;   /* as it is sent; of unreserved characters and / */
	const char *query;  /* sorted and encoded; "" */
	const char *host;   /* as in the header: with the port, if it is odd */
	const char *content_type; /* NULL: there is no such header */
	const char *date;         /* the header X-Amz-Date */
	const char *token; /* X-Amz-Security-Token; NULL: there is none */
	const char *body;
	size_t n_body;
	const char *region;
	const char *service;
	const char *key_id;
	const char *secret;
};

/* @unix_seconds as the header X-Amz-Date has it. */
void sigv4_date(int64_t unix_seconds, char date[SIGV4_DATE_SIZE]);

/* 0; -1: something is too long. */
int sigv4_authorization(const struct sigv4_request *request,
                        char out[SIGV4_MAX_AUTHORIZATION]);
