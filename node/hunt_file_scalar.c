#include "node/hunt_file_scalar.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "cluster/base/check.h"
#include "cluster/hunt/definition.h"

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static size_t digits(const char *text)
{
    size_t count = 0;
    while (is_digit(text[count]))
        count++;
    return count;
}

/* The digits before the point of a JSON number: at least one, and none after a leading zero. */
static size_t whole_digits(const char *text)
{
    const size_t count = digits(text);
    return count > 1 && text[0] == '0' ? 0 : count;
}

enum status scalar_whole(const char *text, int64_t *ret_value)
{
    const bool negative = text[0] == '-';
    text += negative;
    const size_t count = whole_digits(text);
    if (count == 0 || text[count] != '\0')
        return STATUS_INVALID;
    if (count > 18)
        return STATUS_TOO_LARGE;
    int64_t value = 0;
    for (size_t i = 0; i < count; i++)
        value = value * 10 + (text[i] - '0');
    *ret_value = negative ? -value : value;
    return STATUS_OK;
}

/* A decimal number taken apart; nothing is copied. */
struct decimal {
    bool negative;
    const char *whole;
    size_t whole_count;
    const char *fraction;
    size_t fraction_count;
    int exponent;
};

/* Beyond this an exponent only says "huge" or "nothing"; a hunt file has no room for the digits
 * that could make up for it. */
#define EXPONENT_MAX 10000000

static bool split_exponent(const char *text, int *ret_exponent)
{
    *ret_exponent = 0;
    if (text[0] == '\0')
        return true;
    if (text[0] != 'e' && text[0] != 'E')
        return false;
    text++;
    const bool negative = text[0] == '-';
    text += text[0] == '-' || text[0] == '+';
    const size_t count = digits(text);
    if (count == 0 || text[count] != '\0')
        return false;
    int value = 0;
    for (size_t i = 0; i < count && value < EXPONENT_MAX; i++)
        value = value * 10 + (text[i] - '0');
    value = value < EXPONENT_MAX ? value : EXPONENT_MAX;
    *ret_exponent = negative ? -value : value;
    return true;
}

static bool split_decimal(const char *text, struct decimal *ret_decimal)
{
    struct decimal decimal = {.negative = text[0] == '-'};
    text += decimal.negative;
    decimal.whole = text;
    decimal.whole_count = whole_digits(text);
    if (decimal.whole_count == 0)
        return false;
    text += decimal.whole_count;
    if (text[0] == '.') {
        decimal.fraction = ++text;
        decimal.fraction_count = digits(text);
        if (decimal.fraction_count == 0)
            return false;
        text += decimal.fraction_count;
    }
    if (!split_exponent(text, &decimal.exponent))
        return false;
    *ret_decimal = decimal;
    return true;
}

enum status scalar_degrees(const char *text, int32_t limit, int32_t *ret_value)
{
    struct decimal decimal;
    if (!split_decimal(text, &decimal))
        return STATUS_INVALID;

    int64_t value = 0; /* 1e-7 degrees, cut off */
    bool up = false;   /* what was cut off is half of one or more */
    bool rest = false; /* something was cut off */
    const size_t count = decimal.whole_count + decimal.fraction_count;
    for (size_t i = 0; i < count; i++) {
        const char digit =
            i < decimal.whole_count ? decimal.whole[i] : decimal.fraction[i - decimal.whole_count];
        /* The digit stands for digit x 10^power of 1e-7 degrees. */
        const int64_t power = (int64_t)decimal.whole_count - 1 - (int64_t)i + decimal.exponent + 7;
        if (digit == '0')
            continue;
        if (power > 9)
            return STATUS_TOO_LARGE;
        int64_t part = digit - '0';
        for (int64_t j = 0; j < power; j++)
            part *= 10;
        value += power >= 0 ? part : 0;
        up = up || (power == -1 && digit >= '5');
        rest = rest || power < 0;
    }
    if (value > limit || (value == limit && rest))
        return STATUS_TOO_LARGE;
    value += up;
    *ret_value = (int32_t)(decimal.negative ? -value : value);
    return STATUS_OK;
}

/* Days from 1970-01-01 to a date of the proleptic Gregorian calendar, and back. Source: H. Hinnant,
 * "chrono-Compatible Low-Level Date Algorithms": years are counted from March, so that the leap day
 * is a year's last. */
static int64_t days_of_date(int64_t year, int64_t month, int64_t day)
{
    year -= month <= 2;
    const int64_t era = year / 400;
    const int64_t year_of_era = year - era * 400;
    const int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    const int64_t day_of_era =
        year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468;
}

static void date_of_days(int64_t days, int64_t *ret_year, int64_t *ret_month, int64_t *ret_day)
{
    days += 719468;
    const int64_t era = days / 146097;
    const int64_t day_of_era = days - era * 146097;
    const int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    const int64_t day_of_year =
        day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    const int64_t month_from_march = (5 * day_of_year + 2) / 153;
    *ret_day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    *ret_month = month_from_march + (month_from_march < 10 ? 3 : -9);
    *ret_year = year_of_era + era * 400 + (*ret_month <= 2);
}

static int64_t days_in_month(int64_t year, int64_t month)
{
    static const int64_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return month == 2 && leap ? 29 : days[month - 1];
}

/* Reads a text against a form: a digit stands for a digit, and any other character for itself, in
 * either case where it is a letter. False: it does not begin like that. */
static bool follows(const char *text, const char *form)
{
    for (; *form != '\0'; form++, text++) {
        const bool same =
            is_digit(*form) ? is_digit(*text) : *text == *form || (*form == 'T' && *text == 't');
        if (!same)
            return false;
    }
    return true;
}

static int64_t number(const char *text, size_t length)
{
    int64_t value = 0;
    for (size_t i = 0; i < length; i++)
        value = value * 10 + (text[i] - '0');
    return value;
}

/* The fraction after the seconds, with its point; none is 0 ms. */
static bool take_fraction(const char **text, int64_t *ret_ms)
{
    *ret_ms = 0;
    if (**text != '.')
        return true;
    (*text)++;
    const size_t count = digits(*text);
    int64_t unit = 100;
    for (size_t i = 0; i < count; i++, unit /= 10) {
        if (i >= 3 && (*text)[i] != '0')
            return false;
        *ret_ms += ((*text)[i] - '0') * unit;
    }
    *text += count;
    return count > 0;
}

/* Z or an offset, up to the end. */
static bool take_offset(const char *text, int64_t *ret_minutes)
{
    *ret_minutes = 0;
    if (strcmp(text, "Z") == 0 || strcmp(text, "z") == 0)
        return true;
    if ((text[0] != '+' && text[0] != '-') || !follows(text + 1, "00:00") || text[6] != '\0')
        return false;
    const int64_t hours = number(text + 1, 2);
    const int64_t minutes = number(text + 4, 2);
    if (hours > 23 || minutes > 59)
        return false;
    *ret_minutes = (hours * 60 + minutes) * (text[0] == '-' ? -1 : 1);
    return true;
}

enum status scalar_time(const char *text, int64_t *ret_time_ms)
{
    if (!follows(text, "0000-00-00T00:00:00"))
        return STATUS_INVALID;
    const int64_t year = number(text, 4);
    const int64_t month = number(text + 5, 2);
    const int64_t day = number(text + 8, 2);
    const int64_t hour = number(text + 11, 2);
    const int64_t minute = number(text + 14, 2);
    const int64_t second = number(text + 17, 2);
    if (month < 1 || month > 12 || day < 1 || day > days_in_month(year, month))
        return STATUS_INVALID;
    if (hour > 23 || minute > 59 || second > 59)
        return STATUS_INVALID;
    int64_t ms, offset_minutes;
    text += strlen("0000-00-00T00:00:00");
    if (!take_fraction(&text, &ms) || !take_offset(text, &offset_minutes))
        return STATUS_INVALID;
    if (year < 1)
        return STATUS_TOO_LARGE;

    const int64_t minutes = (days_of_date(year, month, day) * 24 + hour) * 60 + minute;
    const int64_t time_ms = ((minutes - offset_minutes) * 60 + second) * 1000 + ms;
    if (time_ms < 0 || time_ms > MOMENT_MS_MAX)
        return STATUS_TOO_LARGE;
    *ret_time_ms = time_ms;
    return STATUS_OK;
}

void scalar_format_time(char text[SCALAR_TIME_BYTES], int64_t time_ms)
{
    CHECK(time_ms >= 0);
    CHECK(time_ms <= MOMENT_MS_MAX);
    int64_t year, month, day;
    const int64_t ms = time_ms % 1000;
    const int64_t seconds = time_ms / 1000;
    date_of_days(seconds / 86400, &year, &month, &day);
    const unsigned of_day = (unsigned)(seconds % 86400);
    const int written = snprintf(
        text, SCALAR_TIME_BYTES, "%04u-%02u-%02uT%02u:%02u:%02u", (unsigned)year % 10000u,
        (unsigned)month % 100u, (unsigned)day % 100u, of_day / 3600, of_day / 60 % 60, of_day % 60);
    CHECK(written > 0 && written < SCALAR_TIME_BYTES);
    (void)snprintf(text + written, SCALAR_TIME_BYTES - (size_t)written, ms > 0 ? ".%03uZ" : "Z",
                   (unsigned)ms);
}
