// build/phrases.ts makes these modules from en.json and sw.json.
declare module "virtual:phrases/*" {
  const phrases: Record<string, string>;
  export default phrases;
}
