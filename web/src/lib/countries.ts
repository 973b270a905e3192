// Calling codes offered in the log-in form, East Africa first. Any other number is typed with its +.
export const countries: readonly (readonly [code: string, calling: string, example: string])[] = [
  ["KE", "254", "0712 345 678"],
  ["TZ", "255", "0621 234 567"],
  ["UG", "256", "0712 345 678"],
  ["RW", "250", "0720 123 456"],
  ["BI", "257", "79 56 12 34"],
  ["CD", "243", "0991 234 567"],
  ["ET", "251", "0911 234 567"],
  ["SO", "252", "071 123 4567"],
  ["SS", "211", "0977 123 456"],
  ["MZ", "258", "82 123 4567"],
  ["MW", "265", "0991 234 567"],
  ["ZM", "260", "095 512 3456"],
  ["ZA", "27", "071 123 4567"],
  ["NG", "234", "0802 123 4567"],
  ["GH", "233", "023 123 4567"],
  ["SV", "503", "7012 3456"],
  ["CH", "41", "078 123 45 67"],
  ["DE", "49", "01512 3456789"],
  ["GB", "44", "07400 123456"],
  ["US", "1", "201 555 0123"],
];

/** E.164 from what was typed, or null where it cannot be a phone number. */
export function phoneOf(typed: string, calling: string): string | null {
  const bare = typed.replace(/[\s().-]/g, "").replace(/^00/, "+");
  if (!/^\+?\d+$/.test(bare)) return null;
  const whole = bare.startsWith("+") ? bare : `+${calling}${bare.replace(/^0/, "")}`;
  return /^\+[1-9]\d{7,14}$/.test(whole) ? whole : null;
}
