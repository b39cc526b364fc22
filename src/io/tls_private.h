/* SPDX-License-Identifier: Apache-2.0 */
/* tls_private: what the files of tls share; only they include mbedTLS. */
#pragma once

#include <mbedtls/ctr_drbg.h>
#include <mbedtls/entropy.h>
#include <mbedtls/error.h>
#include <mbedtls/pk.h>
#include <mbedtls/ssl.h>
#include <mbedtls/version.h>
#include <mbedtls/x509_crt.h>
#include <sys/stat.h>
#include "base/buf.h"
#include "io/tls.h"

/* Since version 3 the members have other names. */
#ifndef MBEDTLS_PRIVATE
#define MBEDTLS_PRIVATE(member) member
#endif

#define TLS_MAX_NAME 256 /* of a host, with its end */

enum tls_file { TLS_FILE_CA, TLS_FILE_CERT, TLS_FILE_KEY, N_TLS_FILES };

struct tls_source {
	char *path;           /* NULL: none was asked for */
	struct stat identity; /* as it was when it was read */
};

struct tls_context {
	unsigned n_references;
	struct tls_source files[N_TLS_FILES];
	bool system_ca; /* the authorities' file was not named */
	mbedtls_entropy_context entropy;
	mbedtls_ctr_drbg_context random;
	mbedtls_x509_crt authorities;
	mbedtls_x509_crt own;
	mbedtls_pk_context key;
	mbedtls_ssl_config config;
};

struct tls {
	struct tls_context *context;
	mbedtls_ssl_context ssl;
	char host[TLS_MAX_NAME];   /* without a zone or a dot at its end */
	unsigned char address[16]; /* if the host is one */
	size_t address_size;       /* 0: it is a name */
	struct slice input;        /* of the network, not yet taken */
	struct buf output;         /* being filled */
	struct buf sending;        /* handed out */
	bool established;
	bool failed; /* nothing more can be done with it */
};

/* --- tls_words.c -------------------------------------------------------- */

/* What went wrong, for people; @code of mbedTLS. Returns err->code: -ENOMEM or
 * -EPROTO. */
int tls_fail(struct tls *tls, int code, struct err *err);

/* mbedTLS's own words. Returns @code. */
int tls_words(struct err *err, int code, const char *what, int mbedtls_code);
